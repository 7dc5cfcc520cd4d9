#!/bin/bash
# Usage: .ci/js.sh CACHE
# Installs the modules that tests/e2e/testdata/js/package-lock.json pins into a folder of CACHE named after the lock,
# and prints the folder. npm compares each with the digest in the lock. Does nothing where the folder is there already.
set -euo pipefail
cache=${1:?} lock=$(dirname "$0")/../tests/e2e/testdata/js
# Another node or npm may come first in PATH.
PATH=/usr/bin:/bin

digest=$(sha256sum <"$lock/package-lock.json")
dir=$cache/js-${digest:0:16}
if [ ! -d "$dir" ]; then
	mkdir -p "$cache"
	work=$(mktemp -d "$dir.XXXXXX")
	trap 'rm -rf "$work"' EXIT
	cp "$lock"/package.json "$lock"/package-lock.json "$work"
	npm ci --prefix "$work" --ignore-scripts --no-audit --no-fund --loglevel=error >&2
	# Another run may have been faster.
	mv -T "$work" "$dir" 2>/dev/null || [ -d "$dir" ]
fi
echo "$dir"
