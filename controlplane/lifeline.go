package main

import (
	"fmt"
	"io"
	"os"
	"strconv"
)

// lifelineVariable names the environment variable that holds the number of an open file descriptor: the reading
// end of a pipe whose writing end only the parent has.
const lifelineVariable = "FRESHET_LIFELINE"

// holdLifeline ends this process at once when the parent is gone, however it went: the kernel closes the pipe of
// a killed process. That is as sudden as a crash, which etcd survives. Without the variable nothing is watched.
func holdLifeline() error {
	value, given := os.LookupEnv(lifelineVariable)
	if !given {
		return nil
	}
	descriptor, err := strconv.ParseUint(value, 10, 31)
	if err != nil {
		return fmt.Errorf("%s=%q must be the number of a file descriptor", lifelineVariable, value)
	}
	pipe := os.NewFile(uintptr(descriptor), "lifeline")
	if _, err := pipe.Stat(); err != nil {
		return fmt.Errorf("%s=%d is not an open file descriptor", lifelineVariable, descriptor)
	}
	go func() {
		_, _ = io.Copy(io.Discard, pipe)
		fmt.Fprintln(os.Stderr, "the parent process is gone: ending")
		os.Exit(1)
	}()
	return nil
}
