#!/bin/bash
# Usage: .ci/boto.sh DIR
# Unpacks boto3 of the Debian release after 12, with what is of its own age, into DIR, and prints the folder for
# PYTHONPATH. The system's own boto3 stays as it is. apt fetches the packages and holds them against the signed
# lists, with lists and a cache of its own. Does nothing where DIR is there already.
set -euo pipefail
dir=${1:?} suite=trixie
packages=(python3-boto3 python3-botocore python3-s3transfer python3-jmespath)

if [ ! -d "$dir" ]; then
	mirror=$("$(dirname "$0")/mirror.sh")
	mkdir -p "$(dirname "$dir")"
	work=$(mktemp -d "$dir.XXXXXX")
	trap 'rm -rf "$work"' EXIT
	mkdir -p "$work"/{lists,cache/archives}/partial "$work"/{debs,root}
	cat >"$work/sources.list" <<-END
		deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main
	END
	cat >"$work/apt.conf" <<-END
		Dir::Etc::SourceList "$work/sources.list";
		Dir::Etc::SourceParts "/dev/null";
		Dir::State::Lists "$work/lists";
		Dir::Cache "$work/cache";
		Acquire::Languages "none";
		Acquire::Retries "3";
		APT::Sandbox::User "$(id -un)";
	END
	(
		export APT_CONFIG=$work/apt.conf
		cd "$work/debs"
		apt-get update -qq >&2
		apt-get download -qq "${packages[@]/%//$suite}" >&2
	)
	for deb in "$work"/debs/*.deb; do dpkg-deb --extract "$deb" "$work/root"; done
	# Another run may have been faster.
	mv -T "$work/root" "$dir" 2>/dev/null || [ -d "$dir" ]
fi
echo "$dir/usr/lib/python3/dist-packages"
