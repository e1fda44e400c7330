// Command fdht trains and uses extremely compact recurrent networks for video: see fdht --help.
package main

import (
	"os"

	"github.com/fdht/fdht/internal/cli"
)

func main() {
	c := cli.Command{Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr}
	os.Exit(c.Main(os.Args[1:]))
}
