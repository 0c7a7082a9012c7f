#!/usr/bin/env bash
# The edge's Lua modules by themselves: their declarations are those of the headers, their codes those of the front; bodies are read
# only where they are plain; luacheck finds nothing.
set -euo pipefail
# shellcheck source=tests/integration/edge_common.sh
source "$(dirname "${BASH_SOURCE[0]}")/edge_common.sh"
lua=$edge/lua

# run_lua FILE: by the Lua of nginx, in its master process, which then ends
run_lua() {
    cat >"$scratch/nginx.conf" <<CONF
load_module /usr/lib/nginx/modules/ndk_http_module.so;
load_module /usr/lib/nginx/modules/ngx_http_lua_module.so;
daemon off; pid $scratch/nginx.pid; error_log $scratch/nginx.log;
events { }
http {
    client_body_temp_path $scratch/body; proxy_temp_path $scratch/proxy; fastcgi_temp_path $scratch/fastcgi;
    uwsgi_temp_path $scratch/uwsgi; scgi_temp_path $scratch/scgi;
    lua_package_path "$lua/?.lua;/usr/share/lua/5.1/?.lua;;";
    lua_shared_dict seckill_metrics 1m;
    init_by_lua_block { dofile "$1" os.exit(0) }
}
CONF
    nginx -e "$scratch/nginx.log" -c "$scratch/nginx.conf" || fail "$1: $(cat "$scratch/nginx.log")"
}

echo "Sizes and offsets."
# Structure and member of each declaration.
awk '/typedef struct {/ { text = "" }
    { text = text " " $0 }
    /^ *typedef struct {.*} [a-z_]+;|^ *} [a-z_]+;/ && text ~ /typedef struct {/ {
        name = text; sub(/.*} /, "", name); sub(/;.*/, "", name)
        sub(/.*{/, "", text); sub(/}.*/, "", text)
        count = split(text, parts, ";")
        for (i = 1; i <= count; i++) {
            more = split(parts[i], members, ",")
            for (j = 1; j <= more; j++) {
                gsub(/\[[0-9]*\]|[ *]+$/, "", members[j]); sub(/.*[ *]/, "", members[j])
                if (members[j] != "") print name, members[j]
            }
        }
        text = ""
    }' "$lua/seckill/library.lua" >"$scratch/members"
(($(wc -l <"$scratch/members") > 90)) || fail "members are missing: $(cat "$scratch/members")"
{
    echo '#include <seckill/seckill.h>'
    echo '#include <seckill/view.h>'
    echo '#include <stdio.h>'
    echo 'int main(void) {'
    while read -r name member; do
        echo "printf(\"%s %zu %zu\", \"$name.$member\", sizeof($name), offsetof($name, $member)); puts(\"\");"
    done <"$scratch/members"
    echo 'return 0; }'
} >"$scratch/layout.c"
"${SECKILL_CC:-cc}" -I "$SECKILL_SOURCE_DIR/include" "$scratch/layout.c" -o "$scratch/layout"
"$scratch/layout" >"$scratch/by-c"
cat >"$scratch/layout.lua" <<CODE
local ffi = require "ffi"
require "seckill.library"
local out = assert(io.open("$scratch/by-lua", "w"))
for line in io.lines("$scratch/members") do
    local name, member = line:match("^(%S+) (%S+)$")
    out:write(("%s.%s %d %d\\n"):format(name, member, ffi.sizeof(name), ffi.offsetof(name, member)))
end
out:close()
CODE
run_lua "$scratch/layout.lua"
diff "$scratch/by-c" "$scratch/by-lua" || fail "the declarations differ from the headers"

echo "Numbers."
grep -o '[A-Z_]* = -\?[0-9]\+' "$lua/seckill/library.lua" | sed 's/ = / /' | sort >"$scratch/numbers"
(($(wc -l <"$scratch/numbers") > 30)) || fail "numbers are missing: $(cat "$scratch/numbers")"
{
    echo '#include <seckill/seckill.h>'
    echo '#include <seckill/view.h>'
    echo '#include <stdio.h>'
    echo 'int main(void) {'
    while read -r name _; do
        echo "printf(\"%s %d\", \"$name\", (int)SECKILL_$name); puts(\"\");"
    done <"$scratch/numbers"
    echo 'return 0; }'
} >"$scratch/numbers.c"
"${SECKILL_CC:-cc}" -I "$SECKILL_SOURCE_DIR/include" "$scratch/numbers.c" -o "$scratch/print-numbers"
diff <("$scratch/print-numbers") "$scratch/numbers" || fail "the numbers differ from the headers"

echo "Codes."
cat >"$scratch/codes.c" <<'CODE'
#include "codes.h"
#include <stdio.h>
int main(void) {
#define LIBRARY(name, number, status_class, text, message) printf("%s %d\n", text, front_code_http(CODE_##name));
#define OWN(name, number, status_class, text, message) \
    printf("own %s %d %d %s\n", text, front_code_http(CODE_##name), SECKILL_CLASS_##status_class, message);
    SECKILL_STATUS_MAP(LIBRARY)
    FRONT_CODE_MAP(OWN)
    return 0;
}
CODE
"${SECKILL_CC:-cc}" -D_GNU_SOURCE -I "$SECKILL_SOURCE_DIR/include" -I "$SECKILL_SOURCE_DIR/examples/front" "$scratch/codes.c" \
    "$SECKILL_SOURCE_DIR/examples/front/codes.c" -o "$scratch/codes"
"$scratch/codes" | sort >"$scratch/codes.front"
cat >"$scratch/codes.lua" <<'CODE'
local codes, class = require "seckill.codes", {final = 0, retryable = 1, unknown = 2}
local out = assert(io.open(arg_out, "w"))
for name, http in pairs(codes.http) do
    out:write(name, " ", http, "\n")
end
for name, row in pairs(codes.own) do
    out:write(("own %s %d %d %s\n"):format(name, row[1], class[row[2]], row[3]))
    assert(codes.phrases[row[1]])
end
out:close()
CODE
sed -i "s|arg_out|'$scratch/codes.edge'|" "$scratch/codes.lua"
run_lua "$scratch/codes.lua"
diff <(grep -v '^own' "$scratch/codes.front") <(sort "$scratch/codes.edge" | grep -v '^own') || fail "the library's codes differ"
[[ -z $(comm -13 "$scratch/codes.front" <(sort "$scratch/codes.edge")) ]] || fail "the front's own codes differ"

echo "Bodies."
cat >"$scratch/bodies.lua" <<'CODE'
local wish = require "seckill.wish"
local function check(route, body, good)
    local said = wish.read(route, body)
    assert((said ~= nil) == good, body .. ": " .. tostring(said))
    return said
end
for _, body in ipairs {'', '{', '{}x', '[]', 'null', '{"retry":1}', '{"retry":null}', '{"more":1}', '{"quantity":"1"}',
    '{"quantity":-1}', '{"quantity":1.5}', '{"quantity":1e3}', '{"quantity":01}', '{"quantity":1234567890123456}',
    '{"retry":true,"retry":true}', '{"request_id":"a\\n"}', '{"request_id":"\195\164"}', '{"request_id":"a\0"}',
    '{"request_id":"' .. ('x'):rep(65) .. '"}', '{"retry":true,}', '{,"retry":true}', '{"retry":true "quantity":1}',
    '{"retry":truex}', '{"captcha":"' .. ('x'):rep(4097) .. '"}', '{"request_id":"a}', '{"a', '{"retry"', '{"retry":'} do
    check("requests", body, false)
end
check("requests", "{}", false) -- the front says what is missing
local said = check("requests", ' { "request_id" : "a1" , "retry":false,"quantity":3, "created_at":1700000000000,"captcha":"x=" } ', true)
assert(said.request_id == "a1" and said.retry == false and said.quantity == 3 and said.created_at == 1700000000000)
assert(wish.first_attempt(said) == 3 and wish.first_attempt(said, "a1") == 3 and wish.first_attempt(said, '"a1"') == 3)
assert(not wish.first_attempt(said, "a2") and not wish.first_attempt(said, {"a1", "a1"}))
for _, body in ipairs {'{"request_id":"a"}', '{"request_id":"a","retry":true}', '{"retry":false}', '{"request_id":"","retry":false}',
    '{"request_id":"a","retry":false,"quantity":0}', '{"request_id":"a","retry":false,"quantity":1000001}',
    '{"request_id":"a","retry":false,"created_at":0}'} do
    assert(not wish.first_attempt(check("requests", body, true)), body)
end
assert(wish.first_attempt(check("requests", '{"retry":false}', true), "a") == 1)
assert(check("orders", '{"token":"v4.local.x","order_ref":""}', true).token == "v4.local.x")
check("cancellations", '{"token":"v4.local.x","order_ref":""}', false)
check("orders", '{"token":"' .. ("x"):rep(1537) .. '"}', false)
CODE
run_lua "$scratch/bodies.lua"

echo "Settings."
for wrong in 'nonsense = 1' 'age_ms = 201' 'age_ms = 1.5' 'redis = "x"' 'redis = {}' 'keys = ""' 'redis_user = "x"' 'poll_min_ms = 9999'; do
    echo "local all = { keys = 'k', redis = {'r'} } all.$wrong return all" >"$scratch/settings.lua"
    cat >"$scratch/check.lua" <<CODE
local good, why = pcall(require("seckill.settings").read, "$scratch/settings.lua")
assert(not good and why:find("settings: ${wrong%% *}", 1, true), [[$wrong]] .. tostring(why))
CODE
    run_lua "$scratch/check.lua"
done

if command -v luacheck >/dev/null; then
    echo "luacheck."
    (cd "$edge" && luacheck --config .luacheckrc lua >"$scratch/output") || fail "luacheck"
fi
