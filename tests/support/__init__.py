"""What tests of several folders share: processes that end with the test, waiting, and looking at a cluster."""
