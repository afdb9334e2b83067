#!/bin/sh
# Brings node_modules, and with it Node 24, whatever Node the machine has. Called by the Makefile when
# package-lock.json is not what was installed last; leaves node_modules/.bin/node working, or says what is wrong.
set -eu

say() { printf '%s\n' "$*" >&2; }
node_is_24() { case "$(node_modules/.bin/node --version 2>/dev/null)" in v24.*) ;; *) return 1 ;; esac; }

if ! command -v npm >/dev/null 2>&1 && command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
  say "npm is not installed; installing Debian's nodejs and npm (apt-get) …"
  { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends nodejs npm; } >&2
fi
if ! command -v npm >/dev/null 2>&1; then
  say "npm is not installed, and it brings all else (Node 24, too). Any one of these gives it:"
  say "  Debian, Ubuntu   sudo apt-get install nodejs npm"
  say "  Fedora           sudo dnf install nodejs-npm"
  say "  macOS            brew install node"
  say "  anywhere         https://nodejs.org/en/download"
  exit 1
fi

# npm install writes its own record after the lock, so where that is newer somebody has just installed by hand.
if [ ! node_modules/.package-lock.json -nt package-lock.json ]; then
  say "Installing npm packages from package-lock.json …"
  npm ci --no-audit --no-fund --loglevel=error >&2
fi

# The npm package "node" brings its binary by an install script, which npm may have been told to ignore.
if ! node_is_24; then
  say "Node 24 is not in node_modules yet; running the install scripts of node and esbuild …"
  npm rebuild --ignore-scripts=false --loglevel=error node esbuild >&2 || true
fi
if ! node_is_24; then
  found=$(node_modules/.bin/node --version 2>&1 || true)
  say "node_modules/.bin/node is not Node 24: ${found:-it does not start}"
  say "The npm package 'node' puts it there by an install script. Ways to mend it:"
  say "  1. allow its script:    npm rebuild --ignore-scripts=false node esbuild   (its error tells what the network refuses)"
  say "  2. use your own Node 24: mkdir -p node_modules/.bin && ln -sf \"\$(command -v node)\" node_modules/.bin/node"
  say "  3. start afresh:        rm -rf node_modules && make install"
  exit 1
fi
