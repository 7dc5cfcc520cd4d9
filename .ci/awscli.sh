#!/bin/bash
# Usage: .ci/awscli.sh DIR
# Makes the Debian release after 12 in DIR, with its aws (2.23), which sends checksums by default. As root; needs
# debootstrap. What is mounted on the way is gone when the script ends, however it ends: it has mounts of its own.
set -euo pipefail
dir=${1:?} suite=trixie
here=$(cd "$(dirname "$0")" && pwd)
[ "$(id -u)" -eq 0 ] || { echo "debootstrap needs root" >&2; exit 1; }
[ -n "${AWSCLI_UNSHARED:-}" ] || exec env AWSCLI_UNSHARED=1 unshare --mount --propagation private "$0" "$@"

debootstrap --variant=minbase --keyring=/usr/share/keyrings/debian-archive-keyring.gpg \
	"$suite" "$dir" "$("$here/mirror.sh")"
# Names of hosts and certificates are those of this machine.
cp /etc/resolv.conf "$dir/etc/resolv.conf"
chroot "$dir" env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends awscli
chroot "$dir" apt-get clean
chroot "$dir" /usr/bin/aws --version
