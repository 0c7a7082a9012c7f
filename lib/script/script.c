#include "script/script.h"

/* Defined in scripts.c, which the build writes. */
#define SK__SCRIPT_EXTERN(script)                                                                                              \
    extern const char sk__script_text_##script[];                                                                              \
    extern const size_t sk__script_size_##script;                                                                              \
    extern const char sk__script_sha1_##script[];
SK__SCRIPT_MAP(SK__SCRIPT_EXTERN)
#undef SK__SCRIPT_EXTERN

static const sk__script scripts[SK__SCRIPT_COUNT] = {
#define SK__SCRIPT_ENTRY(script) {#script, sk__script_text_##script, &sk__script_size_##script, sk__script_sha1_##script},
    SK__SCRIPT_MAP(SK__SCRIPT_ENTRY)
#undef SK__SCRIPT_ENTRY
};

const sk__script *sk__script_of(sk__script_id id) {
    return &scripts[id];
}
