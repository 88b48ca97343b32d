#!/usr/bin/env bash
# Installs what is missing of the system's own packages, and says so.
# Usage: setup.sh SET...  with the sets python, demo, exact, kernels, test, node, wheel.
set -euo pipefail

declare -A package_of=(
    [python3]=python3 [venv]=python3-venv [libbpf]=libbpf1 [nginx]=nginx-light [ip]=iproute2
    [nft]=nftables [ethtool]=ethtool [chromium]=chromium [libatomic]=libatomic1
    [curl]=curl [openssl]=openssl [strace]=strace [wget]=wget [gnutls-cli]=gnutls-bin
    [static-openssl]=libssl-dev [qemu-system-x86_64]=qemu-system-x86
    [containerd]=containerd [runc]=runc [cni]=containernetworking-plugins
    [cargo]=cargo [dnsmasq]=dnsmasq-base [debootstrap]=debootstrap
)
PATH=$PATH:/usr/sbin:/sbin
python=(python3 venv)
demo=(libbpf nginx ip nft ethtool)
kernels=(qemu-system-x86_64)
exact=(curl openssl strace wget gnutls-cli static-openssl)
wheel=(cargo debootstrap)
node=(containerd runc cni dnsmasq debootstrap ip nft)
test=(chromium libatomic)  # libatomic: the Node inside playwright needs it

is_here() {
    case $1 in
        venv) python3 -c 'import ensurepip, venv' 2>/dev/null ;;
        cni) [ -x /usr/lib/cni/bridge ] ;;
        libbpf) ldconfig -p | grep 'libbpf\.so\.1' >/dev/null ;;
        static-openssl) test -e "/usr/lib/$(uname -m)-linux-gnu/libssl.a" ;;
        libatomic) ldconfig -p | grep 'libatomic\.so\.1' >/dev/null ;;
        *) command -v "$1" >/dev/null ;;
    esac
}

missing=()
for set in "$@"; do
    declare -n needs=$set
    for need in "${needs[@]}"; do
        is_here "$need" || missing+=("${package_of[$need]}")
    done
done
[ ${#missing[@]} -gt 0 ] || exit 0

if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "podwire: missing on this system: ${missing[*]}" >&2
    echo "podwire: as root, run: apt-get install --no-install-recommends ${missing[*]}" >&2
    exit 2
fi
echo "  APT   ${missing[*]}" >&2
export DEBIAN_FRONTEND=noninteractive

# A service that a package brings must not start, now or at the next boot: the demo runs its own.
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
    trap 'rm -f $policy' EXIT
    printf '#!/bin/sh\nexit 101\n' >$policy
    chmod 755 $policy
fi
apt-get update -qq >&2
apt-get install -qq -y --no-install-recommends "${missing[@]}" >/dev/null
for service in nginx containerd; do
    case " ${missing[*]} " in
        *" $service"*) if command -v systemctl >/dev/null; then systemctl disable -q $service; fi ;;
    esac
done
