#!/usr/bin/env bash
# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# A blue-green deployment as a careful person would script it by hand, one step on one host:
#     ssh HOST sudo bash -s STEP ARGUMENTS < floor.sh
# It deploys an application `floor` beside the product's `shop`, whose unit files and nginx configuration the step
# `prepare_…` copies under the other name. Every step does what the product does in the same place: the same checks,
# the same waiting between them, and every file durable before it counts.
set -euo pipefail

HOME_OF_APP=/opt/floor
STATE=/var/lib/floor
STATUS_PORT=8571
declare -A PORT=([blue]=8181 [green]=8182)

prepare_application() {
    mkdir -p $HOME_OF_APP/{artifacts,revisions,slots,shared/state,units} $STATE
    chown --reference=/opt/slipway/shop/shared/state $HOME_OF_APP/shared/state
    for unit in /etc/systemd/system/slipway-shop-*@*.service; do
        sed -e 's/slipway-shop-/floor-/g; s#/opt/slipway/shop#/opt/floor#g; s#=slipway-shop$#=slipway-floor#' \
            -e '/^User=/s/slipway-floor/slipway-shop/' -e 's/PORT=8081/PORT=8181/; s/PORT=8082/PORT=8182/' \
            "$unit" > "$HOME_OF_APP/units/$(basename "${unit/slipway-shop-/floor-}")"
    done
    cp $HOME_OF_APP/units/* /etc/systemd/system
    systemctl daemon-reload
}

prepare_balancer() {
    mkdir -p $STATE/generations /run/floor
    cp -a /var/lib/slipway/balancer/shop/servers $STATE/
    touch /run/floor/open
    generation 1 green
    ln -sfn servers/slot-green $STATE/stable
    ln -sfn generations/1 $STATE/current
    sed -e 's/slipway_shop/slipway_floor/g; s#/var/lib/slipway/balancer/shop#/var/lib/floor#g' \
        -e 's#/run/slipway/balancer/shop#/run/floor#g; s/"shop /"floor /' \
        -e 's/:8081/:8181/g; s/:8082/:8182/g; s/listen 8000/listen 8100/; s/listen 8480/listen 8580/' \
        -e "s/127.0.0.1:8471/127.0.0.1:$STATUS_PORT/" \
        /etc/nginx/conf.d/slipway-shop.conf > /etc/nginx/conf.d/floor.conf
    nginx -t -q
    systemctl reload nginx
}

prepare_ledger() {
    mkdir -p $STATE
    durable $STATE/state "none"
}

read_application() {
    readlink $HOME_OF_APP/slots/* || true
    systemctl show --property=Id,ActiveState,MainPID 'floor-*' > /dev/null
    ss -Hltn "sport = :${PORT[blue]} or sport = :${PORT[green]}"
    df --output=avail /opt
}

read_balancer() {
    curl -sSf http://127.0.0.1:$STATUS_PORT/current
    curl -sSf http://127.0.0.1:$STATUS_PORT/open
}

# read_ledger_and_begin DEPLOYMENT
begin() {
    exec 9> $STATE/lock
    flock 9
    cat $STATE/state
    durable $STATE/lease "$1 $(($(cut -d. -f1 /proc/uptime) + 300))"
    durable "$STATE/plan-$1" "$1"
}

# artifact SHA256: succeeds when it is here
artifact() { test -e "$HOME_OF_APP/artifacts/$1"; }

# place SLOT REVISION SHA256 [UPLOADED]: verified, unpacked, linked, its http component started
place() {
    local slot=$1 revision=$2 sha256=$3 uploaded=${4:-}
    exec 9> $STATE/lock
    flock 9
    if [[ $uploaded ]]; then
        echo "$sha256  $uploaded" | sha256sum --check --quiet
        cp "$uploaded" "$HOME_OF_APP/artifacts/.$sha256"
        sync "$HOME_OF_APP/artifacts/.$sha256"
        mv "$HOME_OF_APP/artifacts/.$sha256" "$HOME_OF_APP/artifacts/$sha256"
        sync $HOME_OF_APP/artifacts
    else
        echo "$sha256  $HOME_OF_APP/artifacts/$sha256" | sha256sum --check --quiet
    fi
    local partial=$HOME_OF_APP/revisions/.$revision
    mkdir -p "$partial/release"
    tar -xzf "$HOME_OF_APP/artifacts/$sha256" -C "$partial/release" --no-same-owner
    printf '%s\n' SHOP_STATE=state SHOP_GRACE=1 "RELEASE=$revision" > "$partial/environment"
    printf '{"revision": "%s", "sha256": "%s"}\n' "$revision" "$sha256" > "$partial/manifest.json"
    ln -s $HOME_OF_APP/shared/state "$partial/release/state"
    find "$partial" -not -type l -print0 | xargs -0 sync
    mv "$partial" "$HOME_OF_APP/revisions/$revision"
    sync $HOME_OF_APP/revisions
    systemctl stop "floor-*@$slot.service"
    link $HOME_OF_APP/slots "$slot" "../revisions/$revision"
    local unit
    for unit in "$HOME_OF_APP"/units/*@"$slot".service; do
        durable "/etc/systemd/system/$(basename "$unit")" "$(cat "$unit")"
    done
    systemctl daemon-reload
    systemctl enable --quiet "floor-web@$slot.service"
    systemctl start "floor-web@$slot.service"
    durable "$STATE/slot-$slot" "$revision"
    find "$HOME_OF_APP/revisions" -mindepth 1 -maxdepth 1 -printf "%T@ %p\n" | sort -rn | tail -n +5 | cut -d" " -f2 | xargs -r rm -rf
}

# ready SUCCESSES INTERVAL URL...: all at the same time, each SUCCESSES consecutive times, INTERVAL seconds apart
ready() {
    local successes=$1 interval=$2 url job
    shift 2
    for url; do answers "$successes" "$interval" "$url" & done
    for job in $(jobs -p); do wait "$job"; done
}

answers() {
    local good=0 deadline=$((SECONDS + 30))
    while true; do
        if curl -sf -m 1 -o /dev/null "$3"; then good=$((good + 1)); else good=0; fi
        [[ $good -ge $1 ]] && return
        [[ $SECONDS -ge $deadline ]] && return 1
        sleep "$2"
    done
}

# switch SLOT GENERATION: moves the traffic, and measures what that loses
switch() {
    local meter
    measure & meter=$!
    sleep 1
    move "$@"
    wait "$meter"
}

# move SLOT GENERATION: the next generation, made whole, then renamed into place and read back from nginx
move() {
    exec 9> $STATE/lock
    flock 9
    generation "$2" "$1"
    link $STATE current "generations/$2"
    [[ $(curl -sSf http://127.0.0.1:$STATUS_PORT/current) == *"/generations/$2" ]]
    [[ $(curl -sSf http://127.0.0.1:$STATUS_PORT/bucket/b000) == *"_$1-"* ]]
    [[ $(curl -sSf http://127.0.0.1:$STATUS_PORT/bucket/b999) == *"_$1-"* ]]
}

# measure: what a move loses, by 50 requests a second from a second before it to a second after it, where something serves
measure() {
    curl -sf -o /dev/null http://127.0.0.1:8100/health/ready || return 0
    curl -sSf --fail-early --rate 3000/m -o /dev/null "http://127.0.0.1:8100/health/ready?[1-100]"
}

# settle SLOT GENERATION: the same for the slot to fall back to
settle() {
    exec 9> $STATE/lock
    flock 9
    generation "$2" "$1"
    link $STATE stable "servers/slot-$1"
    link $STATE current "generations/$2"
    [[ $(curl -sSf http://127.0.0.1:$STATUS_PORT/stable) == *"_slot-$1" ]]
    find $STATE/generations -mindepth 1 -maxdepth 1 | sort -V | head -n -3 | xargs -r rm -rf
}

# stop_workers SLOT, start_workers SLOT COMPONENT...
stop_workers() {
    systemctl stop "floor-mailer@$1.service" "floor-clock@$1.service"
    systemctl disable --quiet "floor-mailer@$1.service" "floor-clock@$1.service"
}

start_workers() {
    local slot=$1 component
    shift
    for component; do
        systemctl enable --quiet "floor-$component@$slot.service"
        systemctl start "floor-$component@$slot.service"
    done
}

# note NAME TEXT: a durable record on the ledger host
note() {
    exec 9> $STATE/lock
    flock 9
    durable "$STATE/$1" "$2"
}

# generation NUMBER SLOT
generation() {
    rm -rf "$STATE/generations/$1"
    python3 -S - "$STATE" "$1" "$2" <<'PYTHON'
import os, sys
state, number, slot = sys.argv[1:]
partial = f"{state}/generations/.{number}"
servers = sorted(name for name in os.listdir(f"{state}/servers") if name.startswith(f"{slot}-"))
os.makedirs(f"{partial}/usable")
for bucket in range(1000):
    os.symlink(f"../../servers/{servers[bucket % len(servers)]}", f"{partial}/b{bucket:03d}")
os.symlink(f"../../servers/slot-{'green' if slot == 'blue' else 'blue'}", f"{partial}/preview")
with open(f"{partial}/state.json", "w") as file:
    file.write(f'{{"generation": {number}, "slot": "{slot}"}}\n')
    file.flush()
    os.fsync(file.fileno())
PYTHON
    sync "$STATE/generations/.$1"
    mv "$STATE/generations/.$1" "$STATE/generations/$1"
    sync $STATE/generations
}

# durable FILE TEXT
durable() {
    printf '%s\n' "$2" > "$1.new"
    sync "$1.new"
    mv "$1.new" "$1"
    sync "$(dirname "$1")"
}

# link DIRECTORY NAME TARGET
link() {
    ln -sfn "$3" "$1/.$2.new"
    mv -T "$1/.$2.new" "$1/$2"
    sync "$1"
}

"$@"
