#!/bin/sh
# What the image `nginx` does at its start, as far as the compose file uses it.
set -eu
[ "$NGINX_ENTRYPOINT_LOCAL_RESOLVERS" ]
resolvers=$(awk '$1 == "nameserver" {printf "%s ", $2}' /etc/resolv.conf)
sed "s/\${NGINX_LOCAL_RESOLVERS}/$resolvers/" /etc/nginx/templates/default.conf.template >/etc/nginx/conf.d/default.conf
exec nginx -g 'daemon off;'
