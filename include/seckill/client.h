/* SPDX-License-Identifier: MIT */
/** @defgroup client client.h: connections to Redis, and everything that is under way on them
 *
 * A client belongs to one thread, the one that runs its loop: every call on it, on its items and on its operations is made
 * there, and every callback runs there. Use one client for each thread. A forked child must not touch its parent's client. No
 * call waits for anything, but for a seckill_client_close that says so.
 *
 * Callbacks never run inside the call that started them; they run later, from the loop. Inside a callback every call is
 * allowed, seckill_client_close included.
 *
 * Servers. `address` names one Redis server, or a server and its replicas of which one is the master, or any nodes of a Redis
 * Cluster; which of these it is shows by itself. The addresses are tried in turn until one serves. A server that says that it
 * is a replica (one promoted by hand elsewhere, a master that was demoted) is left for the next address. Of a cluster, the
 * other nodes, and which of them serves which slots, are learnt from it: failovers, new and removed nodes, and slots that move
 * are followed by themselves. Each master that is needed gets one connection (two with `replicas`); one that is slow or gone
 * holds up only the shards that it serves. At most 254 masters. Redis Sentinel is not asked; give the addresses.
 *
 * TLS (`tls`; builds against hiredis 1.0 and OpenSSL 3.0 have it, see seckill_has_tls). Every connection to every server then
 * is TLS 1.2 or later, and nothing is sent before its handshake is done; no server, redirection or option leads back to plain
 * text. The server's certificate must come from one that is trusted, be valid now, and be for `tls_server_name`, or without
 * that for the host as it stands in `address` or as the cluster names the node: a DNS name or an IP address in its
 * subjectAltName (its common name does not count). A handshake that fails is tried again like any other connection;
 * seckill_client_trouble says why. The files are read when the client is opened: for others, open a new client. OpenSSL
 * allocates through malloc, and its failures are survived.
 *
 * Memory: all of the library's own allocations for a client go through its allocator, and each failure is survived. hiredis and
 * libuv allocate through malloc; hiredis 0.14 and libuv abort the process when malloc fails.
 * @{
 */
#ifndef SECKILL_CLIENT_H
#define SECKILL_CLIENT_H

#include "status.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Limits. */
enum {
    SECKILL_SEEDS_MAX = 16,       /**< addresses that a client is given */
    SECKILL_NODES_MAX = 256,      /**< numbers that a client has for servers: for 254 masters of a cluster */
    SECKILL_REPLICAS_MAX = 16,    /**< replicas that an answer can wait for */
    SECKILL_SERVER_NAME_MAX = 253 /**< bytes of tls_server_name */
};

/** A loop of libuv: uv_loop_t. */
struct uv_loop_s;

/** A client, from seckill_client_open to seckill_client_close. */
typedef struct seckill_client seckill_client;

/** Where a client's memory comes from. The functions behave as malloc, realloc and free of C11, with `user_data` as their last
 * argument; they are called on the client's thread only. */
typedef struct {
    void *(*allocate)(size_t size, void *user_data);                 /**< as malloc */
    void *(*reallocate)(void *memory, size_t size, void *user_data); /**< as realloc */
    void (*release)(void *memory, void *user_data);                  /**< as free */
    void *user_data;                                                 /**< handed to each of them */
} seckill_allocator;

/** How important a line of the log is. */
typedef enum {
    SECKILL_LOG_ERROR = 0,   /**< something is lost or refused until a person acts */
    SECKILL_LOG_WARNING = 1, /**< something failed and is tried again: a lost connection, a changed epoch */
    SECKILL_LOG_INFO = 2,    /**< what an operator wants to see once: connected, item changed */
    SECKILL_LOG_DEBUG = 3    /**< what somebody wants to see who looks for a fault */
} seckill_log_level;

/** Gets a line of the log, on the client's thread. Must not call the library.
 *
 * @param level      how important it is
 * @param line       without its newline; valid during the call
 * @param user_data  the option log_user_data
 */
typedef void (*seckill_log_cb)(seckill_log_level level, const char *line, void *user_data);

/** Options of a client. Begin with SECKILL_CLIENT_OPTIONS_INIT, then set what differs; all strings are copied, and NULL or 0
 * means the default. */
typedef struct {
    size_t struct_size;     /**< SECKILL_CLIENT_OPTIONS_INIT sets it, here and in all options */
    struct uv_loop_s *loop; /**< the libuv loop that drives the client; NULL: the host drives it, see seckill_client_fd */
    /** "host:port", "[v6]:port", "host" (port 6379) or "unix:/path"; default "127.0.0.1:6379". Or several, up to
     * SECKILL_SEEDS_MAX, with commas between: see Servers above */
    const char *address;
    const char *user;            /**< ACL user; NULL: the default user */
    const char *password;        /**< NULL: no AUTH is sent (then `user` must be NULL too) */
    const char *prefix;          /**< of all keys, 1 to 64 of A-Za-z0-9._:-; default "seckill" */
    uint32_t timeout_ms;         /**< of each operation that names none, 1 to 3,600,000; default 3,000 */
    uint32_t connect_timeout_ms; /**< name resolution, connecting, TLS and AUTH together, 1 to 3,600,000; default 1,000 */
    /** a command with no answer after this closes the connection, and what was on it is asked again until its own deadline, 1
     * to 3,600,000; default 1,000 */
    uint32_t command_timeout_ms;
    uint32_t reconnect_min_ms; /**< first wait before connecting again, 1 to 3,600,000; default 20; it doubles, ... */
    uint32_t reconnect_max_ms; /**< ... with jitter, up to this; default 1,000, or reconnect_min_ms if that is more */
    uint32_t max_operations;   /**< operations under way; one more is SECKILL_BUSY, 1 to 16,777,216; default 65,536 */
    /** batches in flight to each Redis node, and the shards that a call over several of them asks at a time, 1 to 64;
     * default 2 */
    uint32_t max_batches;
    uint32_t max_batch; /**< operations in one batch, 1 to SECKILL_BATCH_MAX; default SECKILL_BATCH_MAX */
    /** scripts sent again in a second, after lost connections and passing errors; more of them wait for their turn, 1 to
     * 1,000,000; default 1,000 */
    uint32_t max_repeats;
    /** answers wait until so many replicas of the shard's master have what they say, to SECKILL_REPLICAS_MAX; default 0. It
     * should be all that can be promoted: then no failover loses what was answered. Where fewer have it within half of
     * command_timeout_ms it is asked again, and the answer in the end is SECKILL_UNKNOWN. (One server alone: use `appendfsync
     * always`.) */
    uint32_t replicas;
    const seckill_allocator *allocator; /**< copied; NULL: malloc, realloc, free */
    seckill_log_cb log;                 /**< NULL: no log */
    void *log_user_data;                /**< handed to `log` */
    seckill_log_level log_level;        /**< the most detailed level that is logged; default SECKILL_LOG_ERROR (0) */
    /** PEM: certificates that are trusted; NULL for this and tls_ca_folder: those of the system */
    const char *tls_ca_file;
    const char *tls_ca_folder; /**< such files, named as `openssl rehash` does; both may be given */
    /** PEM: the client's own certificate, with those between it and one that the server trusts; NULL: none is shown */
    const char *tls_certificate_file;
    const char *tls_key_file; /**< PEM: its private key, without a passphrase; needs tls_certificate_file, and vice versa */
    /** the name or IP address that certificates must be for, 1 to SECKILL_SERVER_NAME_MAX bytes, no dot first; a name is told
     * to the server too (SNI). NULL: the host of each address */
    const char *tls_server_name;
    uint32_t tls; /**< 1: speak TLS; 0: plain text, and no other option of TLS may be set. Not with unix: */
} seckill_client_options;

/** All defaults. */
#define SECKILL_CLIENT_OPTIONS_INIT                                                                                            \
    {                                                                                                                          \
        sizeof(seckill_client_options), NULL, NULL, NULL, NULL, NULL, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, NULL, NULL, NULL,          \
            SECKILL_LOG_ERROR, NULL, NULL, NULL, NULL, NULL, 0                                                                 \
    }

/** Opens a client and begins to connect in the background; calls may be made at once and wait for the connection. The client
 * keeps its loop alive until it is closed. Deadlines count from the loop's clock: a host that works for long between two turns
 * of its loop, and then makes a call, should call uv_update_time first. To be called on the thread that runs the loop.
 *
 * @param options  copied, with all strings; not NULL
 * @param client   gets it; untouched where it could not be opened
 * @retval SECKILL_OK         it is open, and the caller's to close. Whether Redis can be reached is not known yet
 * @retval SECKILL_INVALID    an option is malformed or out of range, or an argument NULL; or a file of TLS cannot be used, or
 *                            this build has no TLS (both are logged); nothing was opened
 * @retval SECKILL_NO_MEMORY  out of memory, or of file descriptors, or libsodium could not start; nothing was opened
 */
SECKILL_API SECKILL_CHECKED seckill_status seckill_client_open(const seckill_client_options *options, seckill_client **client);

/** Whether this build has TLS. For any thread.
 *
 * @return 1 or 0
 */
SECKILL_API int seckill_has_tls(void);

/** Says that a client is closed: all of its memory is freed.
 *
 * @param user_data  as given to seckill_client_close
 */
typedef void (*seckill_close_cb)(void *user_data);

/** Closes a client, asynchronously. First every operation under way is called back, from the loop: SECKILL_UNKNOWN if it may
 * have been sent, else SECKILL_CLOSED. Then items still open are closed, and when the last handle of the loop is closed and all
 * memory is freed `cb` runs, once. From this call on no other call may be made on the client or its items but
 * seckill_client_dispatch and its two companions, by a host that drives it, until `cb` has run; what is begun all the same, in
 * a callback, is refused as SECKILL_CLOSED. Closing twice is ignored.
 *
 * With a foreign loop and a NULL `cb`, outside of a callback, the client is closed before this call returns, callbacks included
 * (a name that is being resolved is waited for). Inside a callback such a client is closed before the seckill_client_dispatch
 * that runs it returns.
 *
 * @param client     NULL is allowed
 * @param cb         runs once, on the loop's thread, when nothing is left; may be NULL
 * @param user_data  handed to `cb`; may be NULL
 */
SECKILL_API void seckill_client_close(seckill_client *client, seckill_close_cb cb, void *user_data);

/** A file descriptor for poll, epoll or select. For hosts whose loop is not libuv (options.loop was NULL): watch it for
 * reading, and call seckill_client_dispatch when it is readable or when seckill_client_timeout_ms milliseconds have passed,
 * whichever is first. Ask for the timeout again after every call on the client: it is 0 while something waits to be sent.
 *
 * @param client  an open client, or one that is being closed
 * @return the descriptor, the client's; it stays the same. -1 if the client runs on a libuv loop of the host's
 */
SECKILL_API int seckill_client_fd(const seckill_client *client);

/** How long a host that drives the client may wait at most.
 *
 * @param client  an open client, or one that is being closed
 * @return milliseconds; -1: for ever
 */
SECKILL_API int seckill_client_timeout_ms(const seckill_client *client);

/** Does what is due without waiting, callbacks included. Must not be called from a callback.
 *
 * @param client  one whose options.loop was NULL, open or being closed
 */
SECKILL_API void seckill_client_dispatch(seckill_client *client);

/** Limits of histograms. */
enum {
    SECKILL_HISTOGRAM_BUCKETS = 17 /**< of each; the last has no end */
};

/** How often something was measured, by size. A value is counted in the first bucket whose upper end it does not pass, and only
 * there; the last bucket has no end. Times are in microseconds, the ends 100, 250, 500, 1,000, 2,500 ... 10,000,000; sizes of
 * batches have the ends 1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 256, 512. */
typedef struct {
    uint64_t buckets[SECKILL_HISTOGRAM_BUCKETS]; /**< how many values each has */
    uint64_t sum;                                /**< of all values */
} seckill_histogram;

/** Counters since the client was opened, gauges, and histograms: of the public calls from an operation's start to its callback,
 * whatever its status, but for those of `from_memory`, which would hide the others; a poll which enqueued its request again is
 * a poll. metrics.h adds those of several clients, and writes them for Prometheus. Begin with struct_size set.
 *
 * Times are by a clock of nanoseconds that is read when an operation starts (not where it is refused from memory), when a
 * script is sent, when its answer is taken up and when a turn of the loop begins: some 30 ns each. What the loop does in
 * between counts, so that a host which blocks its loop sees that here. */
typedef struct {
    size_t struct_size;   /**< set by the caller: what the structure has room for */
    uint64_t operations;  /**< begun, those refused for memory included */
    uint64_t granted;     /**< requests that took units, by reserve and by processing the queue */
    uint64_t enqueued;    /**< requests put into the queue, counted again where their place was lost */
    uint64_t replayed;    /**< answers that stood already */
    uint64_t refused;     /**< answers of the business other than ok */
    uint64_t failed;      /**< errors other than unknown */
    uint64_t unknown;     /**< answers that never came */
    uint64_t batches;     /**< scripts sent for batches of operations */
    uint64_t batched;     /**< operations in them; batched / batches is the mean batch */
    uint64_t repeated;    /**< scripts whose answer was lost with the connection */
    uint64_t connections; /**< made, the first included */
    uint64_t in_progress; /**< gauge: operations under way */
    uint64_t in_flight;   /**< gauge: batches in flight, or waiting for the connection */
    int connected;        /**< gauge: 1 if every connection that is needed is up (and there is one) */
    uint64_t transfers;   /**< times that units were moved from one shard to another */
    uint64_t transferred; /**< units moved so */
    uint64_t surveys;     /**< rounds over all shards of an item, to find units or to prove that there are none */
    uint64_t from_memory; /**< first attempts refused without asking Redis */
    uint64_t moved;       /**< redirections by a cluster: MOVED and ASK */
    uint64_t nodes;       /**< gauge: servers known */
    uint64_t clients;     /**< gauge: 1; of a sum, how many clients it is of */

    seckill_histogram reserves; /**< of seckill_reserve */
    seckill_histogram confirms; /**< of seckill_confirm */
    seckill_histogram cancels;  /**< of seckill_cancel */
    seckill_histogram refunds;  /**< of seckill_refund */
    seckill_histogram lookups;  /**< of seckill_lookup */
    seckill_histogram enqueues; /**< of seckill_enqueue */
    seckill_histogram polls;    /**< of seckill_poll */
    seckill_histogram refuses;  /**< of seckill_refuse */
    /** from handing a script to its connection to the answer, errors included: those of batches, and of all other calls; what
     * was lost with the connection is in `repeated` */
    seckill_histogram scripts;
    seckill_histogram batch_sizes; /**< of `batches`, the number of operations; their sum is `batched` */
} seckill_client_stats;

/** Reads the client's numbers. On the client's thread.
 *
 * @param client  an open client
 * @param stats   gets what `stats->struct_size` leaves room for
 * @retval SECKILL_OK       it is filled
 * @retval SECKILL_INVALID  a NULL argument or an impossible size
 */
SECKILL_API seckill_status seckill_client_get_stats(const seckill_client *client, seckill_client_stats *stats);

/** Why a connection that is needed is down, for a person: "connection refused", for example.
 *
 * @param client  an open client
 * @return "" while all are up; valid until the next call on the client
 */
SECKILL_API const char *seckill_client_trouble(const seckill_client *client);

/** @} */

#ifdef __cplusplus
}
#endif
#endif
