#!/bin/sh
# A host with mem-agent behind nginx, with ufw: SSH and HTTPS come in, and port 80 for ACME challenges. mem-agent's own ports
# (8081, 8082) are on loopback and stay there.
set -eu
ufw default deny incoming
ufw default allow outgoing
ufw limit 22/tcp comment 'SSH'
ufw allow 443/tcp comment 'mem-agent through nginx'
ufw allow 80/tcp comment 'ACME challenges'
# Prometheus on another host: set ops.listen to the inner address, and let only that host in.
# ufw allow from 10.0.0.5 to any port 8082 proto tcp comment 'mem-agent metrics'
ufw --force enable
