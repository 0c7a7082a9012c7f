/* Runs a fuzz target over the files of folders, once each: the corpus as a test, where there is no libFuzzer.
 *
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L
#include "fuzz.h"

#include <dirent.h>

enum { INPUT_MAX = 1 << 20 };

static void run_file(const char *path) {
    static uint8_t bytes[INPUT_MAX];
    FILE *file = fopen(path, "rb");
    fuzz_input input = {bytes, 0};
    char *copy;

    fuzz_check(file != NULL);
    input.size = fread(bytes, 1, sizeof(bytes), file);
    fuzz_check(!ferror(file) && fclose(file) == 0);
    (void)printf("%s\n", path);
    (void)fflush(stdout); /* the last one said is the one that fails */
    copy = fuzz_copy(input);
    (void)LLVMFuzzerTestOneInput((const uint8_t *)copy, input.size);
    free(copy);
}

static unsigned run_folder(const char *folder) {
    DIR *entries = opendir(folder);
    unsigned count = 0;
    struct dirent *entry;
    char path[4096];

    fuzz_check(entries != NULL);
    while ((entry = readdir(entries)) != NULL) {
        if (entry->d_name[0] == '.')
            continue;
        (void)snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        run_file(path);
        count++;
    }
    (void)closedir(entries);
    return count;
}

int main(int argc, char **argv) {
    unsigned count = 0;

    (void)LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
    for (int i = 1; i < argc; i++)
        count += run_folder(argv[i]);
    (void)printf("%u inputs\n", count);
    return count != 0 ? 0 : 1;
}
