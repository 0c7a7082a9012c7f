#!/usr/bin/env bash
# What lib/script/embed.cmake makes of a script.
set -euo pipefail
# shellcheck source=tests/package/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

scratch
cd "$scratch"

cat >common.lua <<'END'
-- shared
local function twice(a)
    -- inside
    return a[1] .. "x;y??=" .. '\n' -- kept: it follows code
end
END
cat >reserve.lua <<'END'
#!lua flags=allow-oom
-- prelude: common.lua
-- what it does

  local s = "a\\b[c];"
return twice(s)
END
printf '#!lua\nreturn 1' >bare.lua
cmake -DNAMES=reserve,bare -DFOLDER="$scratch" -DOUTPUT="$scratch/scripts.c" -P "$SECKILL_SOURCE_DIR/lib/script/embed.cmake"

cat >main.c <<'END'
#include <stdio.h>
extern const char sk__script_text_reserve[], sk__script_text_bare[];
extern const size_t sk__script_size_reserve, sk__script_size_bare;
int main(void) {
    fwrite(sk__script_text_reserve, 1, sk__script_size_reserve, stdout);
    fwrite(sk__script_text_bare, 1, sk__script_size_bare, stdout);
    return sk__script_text_bare[sk__script_size_bare];
}
END
"$SECKILL_CC" -std=c11 -Wall -Wextra -pedantic -Werror main.c scripts.c -o embedded
./embedded >found || problem "the program failed"
cat >expected <<'END'
#!lua flags=allow-oom
local function twice(a)
return a[1] .. "x;y??=" .. '\n' -- kept: it follows code
end
local s = "a\\b[c];"
return twice(s)
#!lua
return 1
END
diff expected found || problem "the embedded text is another"

refused() {
    if cmake -DNAMES=wrong -DFOLDER="$scratch" -DOUTPUT="$scratch/wrong.c" -P "$SECKILL_SOURCE_DIR/lib/script/embed.cmake" 2>errors; then
        problem "$1 was accepted"
    fi
}
printf 'return 1\n' >wrong.lua
refused "a script without a shebang line"
printf '#!lua\n--[[ block\ncomment ]]\nreturn 1\n' >wrong.lua
refused "a block comment"
printf '#!lua\n-- prelude: absent.lua\nreturn 1\n' >wrong.lua
refused "a prelude that does not exist"
finish
