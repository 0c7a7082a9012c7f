/* A Redis server that plays a script.
 *
 * SPDX-License-Identifier: MIT
 */
#define _GNU_SOURCE /* mkdtemp, accept4 */
#include "fake_redis.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { SCRIPTS_MAX = 64, TEXT_MAX = 200, FILLERS = 2 };

typedef union {
    uv_handle_t handle;
    uv_stream_t stream;
    uv_tcp_t tcp;
    uv_pipe_t pipe;
} any_stream;

typedef struct {
    char *bytes;
    size_t size, room;
} buffer;

struct fake_redis_client {
    fake_redis_client *next;
    fake_redis *fake;
    any_stream stream;
    uv_idle_t dripper;
    int handles;         /* not closed yet */
    const char *script;  /* NULL: the handler answers */
    const char *at;      /* the line to play next */
    size_t next_command; /* index into `own`, of the commands that the script has not looked at */
    size_t *own;         /* indices of this connection's commands among all */
    size_t owned;
    buffer in;
    buffer dripping;
    size_t dripped;
    size_t writing; /* replies that are on their way */
    bool half_closed, ended;
};

struct fake_redis {
    uv_loop_t *loop;
    fake_redis_kind kind;
    any_stream *listener; /* NULL: refuses */
    int port;
    char folder[64], path[96], address[104];
    char *scripts[SCRIPTS_MAX];
    size_t script_count;
    fake_redis_handler handler;
    void *handler_context;
    fake_redis_client *clients;
    size_t connections, ended, goes;
    fake_redis_command *commands;
    char (*texts)[TEXT_MAX + 1];
    size_t received;
    char failure[2 * TEXT_MAX + 100];
    int deaf[1 + FILLERS];
    bool closing;
    int handles;
};

static void play(fake_redis_client *client);

/* Tests do not go on without memory. */
static void *must(void *memory) {
    if (memory == NULL)
        abort();
    return memory;
}

static void append(buffer *to, const void *bytes, size_t size) {
    if (to->size + size > to->room) {
        to->room = (to->size + size) * 2;
        to->bytes = must(realloc(to->bytes, to->room));
    }
    if (size > 0)
        memcpy(to->bytes + to->size, bytes, size);
    to->size += size;
}

static void fail(fake_redis *fake, const char *wanted, const char *got) {
    if (fake->failure[0] == '\0')
        (void)snprintf(fake->failure, sizeof(fake->failure), "the script wants \"%.*s\" and got \"%.*s\"",
                       (int)strcspn(wanted, "\n") < TEXT_MAX ? (int)strcspn(wanted, "\n") : TEXT_MAX, wanted, TEXT_MAX, got);
}

/* ---- the end of things */

static void free_fake(fake_redis *fake) {
    for (size_t i = 0; i < fake->received; i++) {
        for (int j = 0; j < fake->commands[i].argc; j++)
            free(fake->commands[i].argv[j]);
        free(fake->commands[i].argv);
        free(fake->commands[i].sizes);
    }
    for (size_t i = 0; i < fake->script_count; i++)
        free(fake->scripts[i]);
    free(fake->commands);
    free(fake->texts);
    free(fake);
}

static void release(fake_redis *fake) {
    if (--fake->handles == 0 && fake->closing)
        free_fake(fake);
}

static void on_client_closed(uv_handle_t *handle) {
    fake_redis_client *client = handle->data;
    fake_redis *fake = client->fake;

    if (--client->handles > 0)
        return;
    for (fake_redis_client **at = &fake->clients; *at != NULL; at = &(*at)->next)
        if (*at == client) {
            *at = client->next;
            break;
        }
    free(client->own);
    free(client->in.bytes);
    free(client->dripping.bytes);
    free(client);
    release(fake);
}

void fake_redis_end(fake_redis_client *client, bool reset) {
    if (client->ended)
        return;
    client->ended = true;
    uv_close((uv_handle_t *)&client->dripper, on_client_closed);
    if (!reset || client->fake->kind != FAKE_REDIS_TCP || uv_tcp_close_reset(&client->stream.tcp, on_client_closed) != 0)
        uv_close(&client->stream.handle, on_client_closed);
}

/* ---- replies */

typedef struct {
    uv_write_t request;
    fake_redis_client *client;
    char bytes[];
} outgoing;

static void on_written(uv_write_t *request, int status) {
    fake_redis_client *client = ((outgoing *)(void *)request)->client;

    (void)status;
    client->writing--;
    free(request);
    if (!client->ended)
        play(client);
}

void fake_redis_reply(fake_redis_client *client, const void *bytes, size_t size) {
    outgoing *out = must(malloc(sizeof(*out) + size));
    uv_buf_t buf = uv_buf_init(out->bytes, (unsigned)size);

    out->client = client;
    memcpy(out->bytes, bytes, size);
    if (client->ended || uv_write(&out->request, &client->stream.stream, &buf, 1, on_written) != 0)
        free(out);
    else
        client->writing++;
}

void fake_redis_reply_text(fake_redis_client *client, const char *text) {
    buffer out = {NULL, 0, 0};

    append(&out, text, strlen(text));
    append(&out, "\r\n", 2);
    fake_redis_reply(client, out.bytes, out.size);
    free(out.bytes);
}

void fake_redis_reply_bulk(fake_redis_client *client, const void *bytes, size_t size) {
    buffer out = {NULL, 0, 0};
    char head[32];

    append(&out, head, (size_t)snprintf(head, sizeof(head), "$%zu\r\n", size));
    append(&out, bytes, size);
    append(&out, "\r\n", 2);
    fake_redis_reply(client, out.bytes, out.size);
    free(out.bytes);
}

static void on_drip(uv_idle_t *idle) {
    fake_redis_client *client = idle->data;
    uv_buf_t byte = uv_buf_init(client->dripping.bytes + client->dripped, 1);

    if (client->writing == 0 && uv_try_write(&client->stream.stream, &byte, 1) == 1)
        client->dripped++;
    if (client->dripped == client->dripping.size) {
        client->dripping.size = client->dripped = 0;
        uv_idle_stop(idle);
        play(client);
    }
}

/* ---- scripts */

static int hex_digit(char c) {
    const char *digits = "0123456789abcdef", *at = c != '\0' ? strchr(digits, c | 0x20) : NULL;

    return at != NULL ? (int)(at - digits) : 0;
}

/* Appends the text up to any of `ends`, escapes resolved; returns where it ended. */
static const char *unescape(buffer *out, const char *text, const char *ends) {
    while (*text != '\0' && strchr(ends, *text) == NULL) {
        char c = *text++;
        if (c == '\\' && *text != '\0') {
            c = *text++;
            if (c == 'e')
                continue;
            if (c == 'r')
                c = '\r';
            else if (c == 'n')
                c = '\n';
            else if (c == 'x' && text[0] != '\0' && text[1] != '\0') {
                c = (char)(hex_digit(text[0]) * 16 + hex_digit(text[1]));
                text += 2;
            }
        }
        append(out, &c, 1);
    }
    return text;
}

static bool matches(const char *words, const fake_redis_command *command) {
    int index = 0;

    while (*words != '\n' && *words != '\0') {
        buffer word = {NULL, 0, 0};
        const char *begin = words;
        words = unescape(&word, words, " \n");
        size_t length = (size_t)(words - begin);
        bool rest = length == 3 && memcmp(begin, "...", 3) == 0;
        bool same = length == 1 && *begin == '*' && index < command->argc;
        same = same || (index < command->argc && word.size == command->sizes[index] &&
                        (word.size == 0 || memcmp(word.bytes, command->argv[index], word.size) == 0));
        free(word.bytes);
        if (rest)
            return true;
        if (!same)
            return false;
        index++;
        while (*words == ' ')
            words++;
    }
    return index == command->argc;
}

/* False: no command has come yet. */
static bool play_expect(fake_redis_client *client, const char *words) {
    fake_redis *fake = client->fake;

    if (client->next_command == client->owned)
        return false;
    size_t index = client->own[client->next_command++];
    if (!matches(words, &fake->commands[index]))
        fail(fake, words, fake->texts[index]);
    return true;
}

static void play_text(fake_redis_client *client, const char *text, const char *tail, bool drip) {
    buffer out = {NULL, 0, 0};

    unescape(&out, text, "\n");
    append(&out, tail, strlen(tail));
    if (drip) {
        append(&client->dripping, out.bytes, out.size);
        uv_idle_start(&client->dripper, on_drip);
    } else
        fake_redis_reply(client, out.bytes, out.size);
    free(out.bytes);
}

static void play_bulk(fake_redis_client *client, const char *number) {
    size_t size = strtoul(number, NULL, 10);
    char *bytes = must(malloc(size + 1));

    memset(bytes, 'x', size);
    fake_redis_reply_bulk(client, bytes, size);
    free(bytes);
}

static void on_shut_down(uv_shutdown_t *request, int status) {
    (void)status;
    free(request);
}

static void play_half_close(fake_redis_client *client) {
    uv_shutdown_t *request = must(malloc(sizeof(*request)));

    client->half_closed = true;
    if (uv_shutdown(request, &client->stream.stream, on_shut_down) != 0)
        free(request);
}

/* The step's argument if the line is that step, else NULL. */
static const char *step(const char *line, const char *name) {
    size_t size = strlen(name);

    if (strncmp(line, name, size) != 0 || strchr(" \n", line[size]) == NULL)
        return NULL;
    return line[size] == ' ' ? line + size + 1 : line + size;
}

/* Plays one line. False: it has to be waited for. */
static bool play_line(fake_redis_client *client, const char *line) {
    const char *rest;

    if ((rest = step(line, "expect")) != NULL)
        return play_expect(client, rest);
    if (client->dripping.size > 0)
        return false; /* what follows comes after the last byte of that */
    if ((rest = step(line, "reply")) != NULL)
        play_text(client, rest, "\r\n", false);
    else if ((rest = step(line, "raw")) != NULL)
        play_text(client, rest, "", false);
    else if ((rest = step(line, "drip")) != NULL)
        play_text(client, rest, "\r\n", true);
    else if ((rest = step(line, "bulk-of")) != NULL)
        play_bulk(client, rest);
    else if (step(line, "wait") != NULL) {
        if (client->fake->goes == 0)
            return false;
        client->fake->goes--;
    } else if (step(line, "stall") != NULL)
        uv_read_stop(&client->stream.stream);
    else if (client->writing > 0)
        return false; /* all below end the stream */
    else if (step(line, "close") != NULL)
        fake_redis_end(client, false);
    else if (step(line, "reset") != NULL)
        fake_redis_end(client, true);
    else if (step(line, "half-close") != NULL)
        play_half_close(client);
    else
        fail(client->fake, line, "a line that is no step");
    return true;
}

static void play(fake_redis_client *client) {
    while (client->script != NULL && !client->ended && *client->at != '\0') {
        const char *line = client->at + strspn(client->at, " \n");
        if (step(line, "again") != NULL) {
            client->at = client->script;
            if (client->next_command == client->owned)
                return; /* what there is to do again begins with a command */
            continue;
        }
        if (*line != '\0' && !play_line(client, line))
            return;
        client->at = line + strcspn(line, "\n");
    }
}

/* ---- commands */

static void describe(const fake_redis_command *command, char text[TEXT_MAX + 1]) {
    size_t size = 0;

    for (int i = 0; i < command->argc && size < TEXT_MAX; i++)
        for (size_t j = 0; j <= command->sizes[i] && size < TEXT_MAX; j++)
            text[size++] = j < command->sizes[i] ? command->argv[i][j] : ' ';
    if (size > 0 && text[size - 1] == ' ')
        size--;
    text[size] = '\0';
}

static void keep(fake_redis_client *client, fake_redis_command command) {
    fake_redis *fake = client->fake;

    fake->commands = must(realloc(fake->commands, (fake->received + 1) * sizeof(*fake->commands)));
    fake->texts = must(realloc(fake->texts, (fake->received + 1) * sizeof(*fake->texts)));
    client->own = must(realloc(client->own, (client->owned + 1) * sizeof(*client->own)));
    fake->commands[fake->received] = command;
    describe(&command, fake->texts[fake->received]);
    client->own[client->owned++] = fake->received++;
    if (client->script == NULL && fake->handler != NULL) {
        /* What the handler looks at must not move while it does. */
        fake->handler(fake->handler_context, client, &command);
    }
}

/* Reads "*N\r\n" or "$N\r\n" at `at`. 1: read; 0: not all there; -1: something else. */
static int read_count(const buffer *in, size_t *at, char mark, long *count) {
    char line[32];
    const char *end = in->size > *at ? memchr(in->bytes + *at, '\n', in->size - *at) : NULL;

    if (end == NULL)
        return in->size - *at > 24 ? -1 : 0;
    size_t size = (size_t)(end - (in->bytes + *at));
    if (size < 3 || size >= sizeof(line) || in->bytes[*at] != mark)
        return -1;
    memcpy(line, in->bytes + *at + 1, size - 1);
    line[size - 1] = '\0';
    *count = strtol(line, NULL, 10);
    *at += size + 1;
    return *count >= 0 ? 1 : -1;
}

static void drop_command(fake_redis_command *command) {
    for (int i = 0; i < command->argc; i++)
        free(command->argv[i]);
    free(command->argv);
    free(command->sizes);
}

/* Takes one command off the input: 1, 0 or -1 as above. */
static int read_command(buffer *in, fake_redis_command *command) {
    size_t at = 0;
    long count = 0, size = 0;
    int result = read_count(in, &at, '*', &count);

    if (result != 1)
        return result;
    command->argc = 0;
    command->argv = must(calloc((size_t)count + 1, sizeof(*command->argv)));
    command->sizes = must(calloc((size_t)count + 1, sizeof(*command->sizes)));
    for (long i = 0; i < count && result == 1; i++) {
        result = read_count(in, &at, '$', &size);
        if (result == 1 && in->size - at < (size_t)size + 2)
            result = 0;
        if (result != 1)
            break;
        command->argv[i] = must(malloc((size_t)size + 1));
        memcpy(command->argv[i], in->bytes + at, (size_t)size);
        command->argv[i][size] = '\0';
        command->sizes[i] = (size_t)size;
        command->argc++;
        at += (size_t)size + 2;
    }
    if (result != 1) {
        drop_command(command);
        return result;
    }
    memmove(in->bytes, in->bytes + at, in->size - at);
    in->size -= at;
    return 1;
}

static void on_input(fake_redis_client *client) {
    fake_redis_command command;
    int result = 0;

    while (!client->ended && (result = read_command(&client->in, &command)) == 1)
        keep(client, command);
    if (result < 0) {
        fail(client->fake, "a command", "bytes that are none");
        client->in.size = 0;
    }
    play(client);
}

/* ---- connections */

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf) {
    (void)handle;
    *buf = uv_buf_init(must(malloc(suggested)), (unsigned)suggested);
}

static void on_read(uv_stream_t *stream, ssize_t size, const uv_buf_t *buf) {
    fake_redis_client *client = stream->data;

    if (size > 0)
        append(&client->in, buf->base, (size_t)size);
    free(buf->base);
    if (size > 0)
        on_input(client);
    else if (size < 0) {
        client->fake->ended++;
        fake_redis_end(client, false);
    }
}

static void init_stream(const fake_redis *fake, any_stream *stream) {
    if (fake->kind == FAKE_REDIS_UNIX)
        uv_pipe_init(fake->loop, &stream->pipe, 0);
    else
        uv_tcp_init(fake->loop, &stream->tcp);
}

static void on_connection(uv_stream_t *listener, int status) {
    fake_redis *fake = listener->data;
    fake_redis_client *client = must(calloc(1, sizeof(*client)));
    size_t index = fake->connections++;

    (void)status;
    client->fake = fake;
    client->handles = 2;
    fake->handles++;
    init_stream(fake, &client->stream);
    uv_idle_init(fake->loop, &client->dripper);
    client->stream.handle.data = client;
    client->dripper.data = client;
    client->next = fake->clients;
    fake->clients = client;
    if (fake->script_count > 0)
        client->script = fake->scripts[index < fake->script_count ? index : fake->script_count - 1];
    client->at = client->script;
    if (uv_accept(listener, &client->stream.stream) != 0) {
        fake_redis_end(client, false);
        return;
    }
    if (fake->kind == FAKE_REDIS_TCP)
        uv_tcp_nodelay(&client->stream.tcp, 1);
    uv_read_start(&client->stream.stream, on_alloc, on_read);
    play(client);
}

/* ---- listening */

static bool bind_tcp(fake_redis *fake) {
    struct sockaddr_in address;
    int size = sizeof(address);

    uv_ip4_addr("127.0.0.1", fake->port, &address);
    if (uv_tcp_bind(&fake->listener->tcp, (const struct sockaddr *)&address, 0) != 0 ||
        uv_tcp_getsockname(&fake->listener->tcp, (struct sockaddr *)&address, &size) != 0)
        return false;
    fake->port = ntohs(address.sin_port);
    (void)snprintf(fake->address, sizeof(fake->address), "127.0.0.1:%d", fake->port);
    return true;
}

static bool bind_unix(fake_redis *fake) {
    const char *base = getenv("TMPDIR");

    if (fake->folder[0] == '\0') {
        if (base == NULL || base[0] != '/' || strlen(base) > sizeof(fake->folder) - sizeof("/fake-XXXXXX"))
            base = "/tmp";
        (void)snprintf(fake->folder, sizeof(fake->folder), "%s/fake-XXXXXX", base);
        if (mkdtemp(fake->folder) == NULL)
            return false;
        (void)snprintf(fake->path, sizeof(fake->path), "%s/redis.sock", fake->folder);
        (void)snprintf(fake->address, sizeof(fake->address), "unix:%s", fake->path);
    }
    return uv_pipe_bind(&fake->listener->pipe, fake->path) == 0;
}

static void on_listener_closed(uv_handle_t *handle) {
    fake_redis *fake = handle->data;

    free(handle);
    release(fake);
}

void fake_redis_listen(fake_redis *fake) {
    fake->listener = must(calloc(1, sizeof(*fake->listener)));
    init_stream(fake, fake->listener);
    fake->listener->handle.data = fake;
    fake->handles++;
    if (!(fake->kind == FAKE_REDIS_UNIX ? bind_unix(fake) : bind_tcp(fake)) ||
        uv_listen(&fake->listener->stream, 16, on_connection) != 0)
        fail(fake, "to listen", fake->address);
}

static void stop_listening(fake_redis *fake) {
    if (fake->listener != NULL)
        uv_close(&fake->listener->handle, on_listener_closed);
    fake->listener = NULL;
}

static void end_all(fake_redis *fake) {
    for (fake_redis_client *client = fake->clients; client != NULL; client = client->next)
        fake_redis_end(client, false);
}

void fake_redis_refuse(fake_redis *fake) {
    stop_listening(fake);
    end_all(fake);
}

/* A queue of length 0 holds one connection; what knocks after that is not answered. */
static bool listen_deaf(fake_redis *fake) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof(address);

    for (int i = 0; i <= FILLERS; i++) {
        fake->deaf[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fake->deaf[i] < 0)
            return false;
        if (i > 0)
            (void)connect(fake->deaf[i], (struct sockaddr *)&address, sizeof(address));
        else if (bind(fake->deaf[0], (struct sockaddr *)&address, sizeof(address)) != 0 || listen(fake->deaf[0], 0) != 0 ||
                 getsockname(fake->deaf[0], (struct sockaddr *)&address, &size) != 0)
            return false;
    }
    fake->port = ntohs(address.sin_port);
    (void)snprintf(fake->address, sizeof(fake->address), "127.0.0.1:%d", fake->port);
    return true;
}

/* ---- what tests call */

fake_redis *fake_redis_open(uv_loop_t *loop, fake_redis_kind kind) {
    fake_redis *fake = must(calloc(1, sizeof(*fake)));

    fake->loop = loop;
    fake->kind = kind;
    for (int i = 0; i <= FILLERS; i++)
        fake->deaf[i] = -1;
    if (kind != FAKE_REDIS_DEAF)
        fake_redis_listen(fake);
    else if (!listen_deaf(fake))
        fail(fake, "to be deaf", "an error");
    if (fake->failure[0] == '\0')
        return fake;
    fprintf(stderr, "fake_redis: %s\n", fake->failure);
    fake_redis_close(fake);
    return NULL;
}

const char *fake_redis_address(const fake_redis *fake) {
    return fake->address;
}

int fake_redis_port(const fake_redis *fake) {
    return fake->port;
}

void fake_redis_script(fake_redis *fake, const char *script) {
    if (fake->script_count == SCRIPTS_MAX)
        abort();
    fake->scripts[fake->script_count++] = must(strdup(script));
}

void fake_redis_handle(fake_redis *fake, fake_redis_handler handler, void *context) {
    fake->handler = handler;
    fake->handler_context = context;
}

void fake_redis_go(fake_redis *fake) {
    fake->goes++;
    for (fake_redis_client *client = fake->clients; client != NULL; client = client->next)
        play(client);
}

size_t fake_redis_connections(const fake_redis *fake) {
    return fake->connections;
}

size_t fake_redis_ended(const fake_redis *fake) {
    return fake->ended;
}

size_t fake_redis_received(const fake_redis *fake) {
    return fake->received;
}

const fake_redis_command *fake_redis_command_at(const fake_redis *fake, size_t index) {
    return index < fake->received ? &fake->commands[index] : NULL;
}

const char *fake_redis_text(const fake_redis *fake, size_t index) {
    return index < fake->received ? fake->texts[index] : "(no such command)";
}

const char *fake_redis_failure(const fake_redis *fake) {
    return fake->failure;
}

void fake_redis_close(fake_redis *fake) {
    if (fake == NULL)
        return;
    fake->handles++; /* so that it is not freed half-way */
    fake->closing = true;
    stop_listening(fake);
    end_all(fake);
    for (int i = 0; i <= FILLERS; i++)
        if (fake->deaf[i] >= 0)
            close(fake->deaf[i]);
    if (fake->folder[0] != '\0') {
        unlink(fake->path);
        rmdir(fake->folder);
    }
    release(fake);
}
