package main

import (
	"context"
	"fmt"
	"os"
	"time"
)

func main() {
	name, seconds := os.Args[1], os.Args[2]
	duration, _ := time.ParseDuration(seconds + "s")
	err := lock("orders", name, func(lost context.Context, fence string) error {
		fmt.Println("has the lock, fence", fence)
		// The work: it stops when the lock is lost, and hands the fence to whoever stores what it writes.
		select {
		case <-lost.Done():
			fmt.Println("lost")
		case <-time.After(duration):
			fmt.Println("done")
		}
		return nil
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
