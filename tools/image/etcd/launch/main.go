// The entrypoint of the image holdfast-etcd: it decides whom this etcd trusts, runs it, and runs it again when that changes.
//
// An etcd whose data is lost has no users and no roles either: whoever it lets in may read and write all. So it begins by
// trusting nobody but the operator, and the clients' authority is added only when the operator has written, for exactly
// this incarnation of the data, that users, roles and auth stand. The operator hears of an incarnation by the member's
// name, and answers through a file of a mounted Secret.
//
// An incarnation is as old as etcd's log: where there is none, a new one begins. It is kept beside the data, so that it is
// lost with it. Written whole or not at all, and where it cannot be read a new one begins, too: the doubt then costs the
// clients a wait for the operator, and never lets in one who should not be.
//
// It has no package but Go's own. Signals go on to etcd, and it ends as etcd does: see supervise.go.
package main

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

const (
	usualProgram = "/etcd"
	usualRun     = "/run/holdfast"
	clusterToken = "initial-cluster-token"
	// Read and write for the group, too: the volume may be the group's, and the next user another.
	fileMode   = 0o660
	folderMode = 0o700
)

var (
	incarnationShape = regexp.MustCompile(`^[0-9a-f]{16}$`)
	podNameShape     = regexp.MustCompile(`^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$`)
)

// What the launcher says itself, and those that would lead etcd away from what it has looked at.
var ownFlags = []string{"name", "data-dir", "wal-dir", "trusted-ca-file", "initial-cluster", "config-file"}

type settings struct {
	dataFolder  string
	trustFolder string
	runFolder   string
	podName     string
	peerURL     string
	program     string
}

func main() {
	code, err := launch(os.Args[1:])
	if err != nil {
		say("fatal", "etcd is not run: "+err.Error(), nil)
		os.Exit(1)
	}
	os.Exit(code)
}

// Returns the code that etcd ended with.
func launch(args []string) (int, error) {
	given, err := read(os.Getenv)
	if err != nil {
		return 0, err
	}
	if err := checkArgs(args); err != nil {
		return 0, err
	}
	return supervise(given, args)
}

func argvOf(args []string, given settings, incarnation, trusted string) []string {
	argv := append([]string{"etcd"}, args...)
	if !slices.ContainsFunc(args, func(arg string) bool { return flagIn(arg) == clusterToken }) {
		// etcd makes its cluster's id of its peers' addresses and this: new data is then a new cluster, and known for it.
		argv = append(argv, "--"+clusterToken+"="+incarnation)
	}
	name := given.podName + "-" + incarnation
	return append(argv,
		"--name="+name,
		"--data-dir="+given.dataFolder,
		"--trusted-ca-file="+trusted,
		"--initial-cluster="+name+"="+given.peerURL,
	)
}

// All that is wrong is said at once.
func read(of func(string) string) (settings, error) {
	given := settings{
		dataFolder:  of("ETCD_DATA_DIR"),
		trustFolder: of("HOLDFAST_ETCD_TRUST"),
		runFolder:   or(of("HOLDFAST_ETCD_RUN"), usualRun),
		podName:     of("POD_NAME"),
		peerURL:     of("HOLDFAST_ETCD_PEER_URL"),
		program:     or(of("HOLDFAST_ETCD_PROGRAM"), usualProgram),
	}
	var wrong []string
	folder := func(name, value, what string) {
		if !filepath.IsAbs(value) || filepath.Clean(value) == "/" {
			wrong = append(wrong, fmt.Sprintf("%s is '%s': it must be the absolute path of %s", name, value, what))
		}
	}
	folder("ETCD_DATA_DIR", given.dataFolder, "the data folder, in a volume of its own (/var/lib/holdfast/data)")
	folder("HOLDFAST_ETCD_TRUST", given.trustFolder, "the folder with operator.crt, clients.crt and clients-of (/etc/holdfast/trust)")
	folder("HOLDFAST_ETCD_RUN", given.runFolder, "a folder that may be written")
	if !podNameShape.MatchString(given.podName) {
		wrong = append(wrong, fmt.Sprintf("POD_NAME is '%s': it must be the pod's name (fieldRef metadata.name)", given.podName))
	}
	if !isPeerURL(given.peerURL) {
		wrong = append(wrong, fmt.Sprintf("HOLDFAST_ETCD_PEER_URL is '%s': it must be this member's own, as https://NAME:2380", given.peerURL))
	}
	if len(wrong) > 0 {
		return settings{}, errors.New(strings.Join(wrong, "; "))
	}
	given.dataFolder = filepath.Clean(given.dataFolder)
	return given, nil
}

func isPeerURL(text string) bool {
	parsed, err := url.Parse(text)
	return err == nil && (parsed.Scheme == "https" || parsed.Scheme == "http") && parsed.Hostname() != "" && parsed.Port() != ""
}

func checkArgs(args []string) error {
	for _, arg := range args {
		if slices.Contains(ownFlags, flagIn(arg)) {
			return fmt.Errorf("the argument %s is the launcher's own to set: leave it out", arg)
		}
	}
	return nil
}

// The flag's name; empty where the argument is none.
func flagIn(arg string) string {
	name, _, _ := strings.Cut(strings.TrimLeft(arg, "-"), "=")
	if !strings.HasPrefix(arg, "-") {
		return ""
	}
	return name
}

// What this etcd's data is known by, and whether it begins now.
func incarnationOf(dataFolder string) (incarnation string, isNew bool, err error) {
	if err := os.MkdirAll(dataFolder, folderMode); err != nil {
		return "", false, fmt.Errorf("the data folder cannot be made (is the volume the group's, by fsGroup?): %w", err)
	}
	file := filepath.Join(filepath.Dir(dataFolder), "incarnation")
	hasData, err := hasLog(dataFolder)
	if err != nil {
		return "", false, err
	}
	if hasData {
		kept, err := os.ReadFile(file)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return "", false, fmt.Errorf("the incarnation cannot be read: %w", err)
		}
		if found := strings.TrimSpace(string(kept)); incarnationShape.MatchString(found) {
			return found, false, nil
		}
		say("warn", "the data has no incarnation that can be read: a new one begins, and clients wait for the operator", map[string]any{"file": file})
	}
	bytes := make([]byte, 8)
	if _, err := rand.Read(bytes); err != nil {
		return "", false, fmt.Errorf("no random bytes: %w", err)
	}
	incarnation = hex.EncodeToString(bytes)
	if err := writeWhole(file, []byte(incarnation+"\n")); err != nil {
		return "", false, fmt.Errorf("the incarnation cannot be kept: %w", err)
	}
	return incarnation, true, nil
}

// As etcd asks itself whether it starts for the first time.
func hasLog(dataFolder string) (bool, error) {
	entries, err := os.ReadDir(filepath.Join(dataFolder, "member", "wal"))
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("the data folder cannot be read: %w", err)
	}
	return slices.ContainsFunc(entries, func(entry os.DirEntry) bool {
		return strings.HasSuffix(entry.Name(), ".wal")
	}), nil
}

type trusted struct {
	certificates []byte
	whose        []string
}

// A kubelet puts all files of a Secret in a folder of their own, and swaps a link to it: they are of one version where the
// link is the same before and after. The former folder is removed, so a file that is not there may be there by now.
func readTrusted(folder, incarnation string) (trusted, error) {
	version, err := versionOf(folder)
	for err == nil {
		found, failure := readVersion(version, incarnation)
		now, err := versionOf(folder)
		if err != nil {
			return trusted{}, err
		}
		if now == version {
			return found, failure
		}
		version = now
	}
	return trusted{}, err
}

// Where the files are now; a folder that is no kubelet's has them itself.
func versionOf(folder string) (string, error) {
	target, err := os.Readlink(filepath.Join(folder, "..data"))
	if errors.Is(err, os.ErrNotExist) {
		return folder, nil
	}
	if err != nil {
		return "", fmt.Errorf("the mounted trust cannot be read: %w", err)
	}
	if filepath.IsAbs(target) {
		return target, nil
	}
	return filepath.Join(folder, target), nil
}

func readVersion(folder, incarnation string) (trusted, error) {
	operator, err := certificates(filepath.Join(folder, "operator.crt"))
	if err != nil {
		return trusted{}, err
	}
	ready, err := isListed(filepath.Join(folder, "clients-of"), incarnation)
	if err != nil {
		return trusted{}, err
	}
	if !ready {
		return trusted{operator, []string{"operator"}}, nil
	}
	clients, err := certificates(filepath.Join(folder, "clients.crt"))
	if err != nil {
		return trusted{}, err
	}
	both := slices.Concat(operator, []byte("\n"), clients)
	return trusted{both, []string{"operator", "clients"}}, nil
}

// Returns the file.
func writeTrusted(folder string, certificates []byte) (string, error) {
	if err := os.MkdirAll(folder, folderMode); err != nil {
		return "", fmt.Errorf("%s cannot be made: %w", folder, err)
	}
	file := filepath.Join(folder, "trusted.crt")
	if err := writeWhole(file, certificates); err != nil {
		return "", fmt.Errorf("the trusted authorities cannot be written: %w", err)
	}
	return file, nil
}

func certificates(file string) ([]byte, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("the authority cannot be read: %w", err)
	}
	for rest := content; ; {
		block, after := pem.Decode(rest)
		if block == nil {
			return nil, fmt.Errorf("%s holds no certificate", file)
		}
		if block.Type == "CERTIFICATE" {
			return content, nil
		}
		rest = after
	}
}

// Any list of incarnations will do, whatever stands between them. No file: none.
func isListed(file, incarnation string) (bool, error) {
	content, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("the incarnations that are ready cannot be read: %w", err)
	}
	listed := strings.FieldsFunc(string(content), func(letter rune) bool {
		return !strings.ContainsRune("0123456789abcdef", letter)
	})
	return slices.Contains(listed, incarnation), nil
}

// Half of a file is never seen under its name, and what was written is on the disk before it is relied on.
func writeWhole(file string, content []byte) error {
	half := file + ".half"
	// One of a start that was cut short may be another user's, and then cannot be written to.
	if err := os.Remove(half); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := writeSynced(half, content); err != nil {
		return err
	}
	if err := os.Rename(half, file); err != nil {
		return err
	}
	folder, err := os.Open(filepath.Dir(file))
	if err != nil {
		return err
	}
	defer folder.Close()
	return folder.Sync()
}

func writeSynced(file string, content []byte) error {
	opened, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, fileMode)
	if err != nil {
		return err
	}
	_, err = opened.Write(content)
	return errors.Join(err, opened.Sync(), opened.Close())
}

// Without what is told by arguments: etcd would warn that both are there.
func environment() []string {
	return slices.DeleteFunc(os.Environ(), func(each string) bool {
		name, _, _ := strings.Cut(each, "=")
		return strings.HasPrefix(name, "ETCD_") && slices.Contains(ownFlags, flagOf(name))
	})
}

// ETCD_DATA_DIR is --data-dir.
func flagOf(variable string) string {
	return strings.ReplaceAll(strings.ToLower(strings.TrimPrefix(variable, "ETCD_")), "_", "-")
}

// A line of JSON, as etcd's own are.
func say(level, message string, facts map[string]any) {
	line := map[string]any{"level": level, "logger": "holdfast-etcd", "msg": message}
	for name, value := range facts {
		line[name] = value
	}
	encoded, err := json.Marshal(line)
	if err != nil {
		encoded = []byte(message)
	}
	fmt.Fprintln(os.Stderr, string(encoded))
}

func or(value, usual string) string {
	if value == "" {
		return usual
	}
	return value
}
