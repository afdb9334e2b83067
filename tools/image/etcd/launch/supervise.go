// etcd as the launcher's child. It reads whom it trusts once, so another trust takes another start of it; the pod, and with
// it what is in its folders, stays.
//
// What holds: the file that etcd reads is written only while no etcd runs, from files that were read just then. Where they
// say less than etcd was started with, it is ended as well, and what is no longer readable is trusted for a few looks only.
//
// It may be process 1 of its container, to which orphans come: whatever ends is waited for, all in one loop, so that nobody
// takes the end of another's child.
package main

import (
	"bytes"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

const (
	lookEvery = time.Second
	// A member that writes its last state takes seconds; the kubelet gives 30 s for all of it.
	endWithin = 20 * time.Second
	// A volume that cannot be read for a moment ends no locks.
	unreadableMax = 10
	peerTrustFlag = "peer-trusted-ca-file"
	// As a shell says it.
	signalled = 128
)

func init() {
	// The child is ended when the thread that started it is: it has to be the one that lives as long as this.
	runtime.LockOSThread()
}

type supervisor struct {
	given   settings
	args    []string
	pid     int
	started run
	// By whom etcd is being ended: signals that came, or this itself; zero: nobody.
	asked      syscall.Signal
	isRenewing bool
	killAt     <-chan time.Time
	unreadable int
}

// What an etcd was started with.
type run struct {
	incarnation string
	trust       []byte
	peers       []byte
}

// Returns the code to end with.
func supervise(given settings, args []string) (int, error) {
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGCHLD)
	watched := &supervisor{given: given, args: args}
	if err := watched.start(); err != nil {
		return 0, err
	}
	looks := time.NewTicker(lookEvery)
	defer looks.Stop()
	for {
		var err error
		select {
		case came := <-signals:
			if came != syscall.SIGCHLD {
				watched.asked = came.(syscall.Signal)
				err = watched.send(watched.asked)
			}
		case <-looks.C:
			err = watched.look()
		case <-watched.killAt:
			say("warn", "etcd does not end: it is killed", map[string]any{"after": endWithin.String()})
			err = watched.send(syscall.SIGKILL)
		}
		if err != nil {
			return 0, err
		}
		// At each of them: signals that come in a crowd may be lost.
		if code, isOver, err := watched.reap(); isOver || err != nil {
			return code, err
		}
	}
}

// Reads all anew: nothing of a former start counts.
func (one *supervisor) start() error {
	incarnation, isNew, err := incarnationOf(one.given.dataFolder)
	if err != nil {
		return err
	}
	trusted, err := readTrusted(one.given.trustFolder, incarnation)
	if err != nil {
		return err
	}
	peers, err := peersIn(one.args)
	if err != nil {
		return err
	}
	file, err := writeTrusted(one.given.runFolder, trusted.certificates)
	if err != nil {
		return err
	}
	name := one.given.podName + "-" + incarnation
	say("info", "starting etcd", map[string]any{
		"incarnation": incarnation, "new": isNew, "name": name, "trusts": trusted.whose,
	})
	pid, err := syscall.ForkExec(one.given.program, argvOf(one.args, one.given, incarnation, file), &syscall.ProcAttr{
		Env:   environment(),
		Files: []uintptr{0, 1, 2},
		// Else one that outlives a launcher that was killed would hold data and ports, and trust whom it likes.
		Sys: &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL},
	})
	if err != nil {
		return fmt.Errorf("%s cannot be run: %w", one.given.program, err)
	}
	one.pid = pid
	one.started = run{incarnation: incarnation, trust: trusted.certificates, peers: peers}
	one.isRenewing, one.killAt, one.unreadable = false, nil, 0
	return nil
}

// Whether etcd still trusts whom it ought to; else it is ended, and started again when it has.
func (one *supervisor) look() error {
	if one.isRenewing || one.asked != 0 {
		return nil
	}
	isSame, err := one.isAsStarted()
	if err != nil {
		if one.unreadable++; one.unreadable == 1 {
			say("warn", "whom etcd ought to trust cannot be read", map[string]any{"error": err.Error()})
		}
		if one.unreadable < unreadableMax {
			return nil
		}
		isSame = false
	} else {
		one.unreadable = 0
	}
	if isSame {
		return nil
	}
	say("info", "etcd is to trust others than it was started with: it is started again", nil)
	one.isRenewing = true
	one.killAt = time.After(endWithin)
	return one.send(syscall.SIGTERM)
}

func (one *supervisor) isAsStarted() (bool, error) {
	trusted, err := readTrusted(one.given.trustFolder, one.started.incarnation)
	if err != nil {
		return false, err
	}
	peers, err := peersIn(one.args)
	if err != nil {
		return false, err
	}
	return bytes.Equal(trusted.certificates, one.started.trust) && bytes.Equal(peers, one.started.peers), nil
}

// All that have ended; and where etcd has, whether that is the end.
func (one *supervisor) reap() (code int, isOver bool, err error) {
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, syscall.WNOHANG, nil)
		if err == syscall.EINTR {
			continue
		}
		if pid <= 0 {
			return 0, false, nil
		}
		if pid != one.pid || !(status.Exited() || status.Signaled()) {
			continue
		}
		one.pid = 0
		if one.asked != 0 || !one.isRenewing {
			return one.codeOf(status), true, nil
		}
		if err := one.start(); err != nil {
			return 0, false, err
		}
	}
}

// One that was asked to end and did has the code that etcd gives as process 1.
func (one *supervisor) codeOf(status syscall.WaitStatus) int {
	if status.Exited() {
		return status.ExitStatus()
	}
	if status.Signal() == one.asked {
		return 0
	}
	return signalled + int(status.Signal())
}

func (one *supervisor) send(which syscall.Signal) error {
	if err := syscall.Kill(one.pid, which); err != nil {
		return fmt.Errorf("etcd cannot be sent %v: %w", which, err)
	}
	return nil
}

// What etcd takes other members' certificates by, and reads once, too. None: nothing.
func peersIn(args []string) ([]byte, error) {
	at := slices.IndexFunc(args, func(arg string) bool { return flagIn(arg) == peerTrustFlag })
	if at < 0 {
		return nil, nil
	}
	_, file, _ := strings.Cut(args[at], "=")
	return certificates(file)
}
