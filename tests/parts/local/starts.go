// Tells when Kubernetes would start a CronJob's Jobs: for each line `zone|schedule|seconds since 1970` the next four
// times in seconds, by the very library (and its version) that the controller manager is built from. Zeros: never.
package main

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata"

	"github.com/robfig/cron/v3"
)

func main() {
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		given := strings.Split(lines.Text(), "|")
		schedule, err := cron.ParseStandard("TZ=" + given[0] + " " + given[1])
		if err != nil {
			fmt.Println(err)
			continue
		}
		after, _ := strconv.ParseInt(given[2], 10, 64)
		at := time.Unix(after, 0)
		for range 4 {
			if at = schedule.Next(at); at.IsZero() {
				break
			}
			fmt.Print(at.Unix(), " ")
		}
		fmt.Println()
	}
}
