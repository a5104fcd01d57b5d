# shellcheck shell=sh disable=SC2034
# packages.sh - what mq needs from Debian 12, in one place. Sourced by quickstart and test.
packages_to_build="gcc libc6-dev make cmake pkg-config libzmq3-dev libmsgpack-dev libxxhash-dev libisal-dev libsystemd-dev libjansson-dev"
packages_to_test="libcunit1-dev clang libclang-rt-dev clang-format python3"

# Installs those of the named packages that are missing; needs root only if there are any.
install_packages() {
    missing=""
    for package in "$@"; do
        case "$(dpkg-query -W -f '${Status}' "$package" 2>/dev/null)" in
            *"install ok installed"*) ;;
            *) missing="$missing $package" ;;
        esac
    done
    [ -n "$missing" ] || return 0
    if [ "$(id -u)" -ne 0 ]; then
        echo "$0: these packages are missing, and only root can install them:$missing" >&2
        echo "$0: run this as root once, or: sudo apt-get install$missing" >&2
        return 77
    fi
    echo "installing:$missing"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    # shellcheck disable=SC2086
    apt-get install -y -qq --no-install-recommends $missing >/dev/null
}
