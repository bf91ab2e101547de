# Runs a Lua program ($0) in Kong's resty with the TLS settings of the Kong that runs here: its scheme, host, port and path are $1 to $4.
# resty would take a word behind -e for a file, so the program finds them in the environment.
PATH="$PATH:/usr/local/openresty/bin"
settings="${KONG_PREFIX:-/usr/local/kong}/nginx-kong.conf"
command -v resty >/dev/null || exit 97
[ -r "$settings" ] || { echo "$settings" >&2; exit 98; }
trust=$(for name in lua_ssl_trusted_certificate lua_ssl_verify_depth lua_ssl_protocols; do grep -m 1 "^ *$name " "$settings"; done)
export FIDDLER_SCHEME="$1" FIDDLER_HOST="$2" FIDDLER_PORT="$3" FIDDLER_PATH="$4"
exec resty --errlog-level crit --http-conf "resolver_timeout 3s; $trust" -e "$0"
