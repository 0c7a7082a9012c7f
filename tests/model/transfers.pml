/*
 * Stock that moves between shards, for Spin. README.md says how it is run.
 *
 * What is modelled: one item on two or three shards, each on a server of its own, and who calls their scripts. A script is one
 * d_step: nothing comes between, and of several guards that are true the first is taken.
 *   client   one search: a request that its home shard could not serve. It surveys the shards in any order, moves units and takes
 *            them, or proves that there are too few. It holds what was granted, cancels it, or confirms it, also late. It may die
 *            between any two steps.
 *   joiner   a request that client 0 serves along: it comes at any time, and a proof refuses it too. With QUEUE it waits in the
 *            queue of client 0's shard, and client 0 is the worker there; one that dies is followed by another.
 *   upkeep   settles at last what stands between the totals (seckill_transfers_finish).
 *   worker   reads events, writes orders and acknowledges; refunds what the inventory refuses; replays orders after failovers.
 *   faults   a server goes back to an earlier state of its own: its newest writes are lost. The epoch is another then.
 *   clock    holds run out, and so does the time after a failover in which nothing expires.
 *
 * Where the units lie at first, the homes and the quantities are any. A request begins with its first script: what counts as its
 * life is rather too short than too long.
 *
 * What is left out: limits, blacklists, pauses, loads; shards that do not answer (the answer is "try again" then); more overdue
 * than one script takes back; the memory of a proof (it begins with the instant of the proof); two masters of one shard at a
 * time; how long "stood still" is: whoever moved units and lives is waited for, but for ROBBERIES exceptions.
 *
 * What is checked, and the promise that it is:
 *   never oversold     accounted: loaded + taken - sent = available + reserved + sold on each shard, at every instant. What is
 *                      granted is never more than the units and what failovers lost; without failovers no shard owes anything
 *                      persist: orders are never more than the units
 *   never stranded     refuse: at some instant since the request was made (or confirmed late) available, overdue and moving units
 *                      were fewer than it asked for
 *                      rested: in the end each unit is available, reserved or sold somewhere
 *   exactly once       accounted and rested: whatever is repeated, and by whom
 *                      rested: what was ordered is one sold record, what was refused is none
 *   answers are final  accounted: units are moved only so often (MOVES_MAX). So nobody trades them back and forth for ever
 *                      answered_at_last (with FAIR): each request whose client lives is granted or refused
 *
 * Versions are not counted: each client has a bit for each shard, set when it surveys the shard and cleared when the shard raises
 * its version or has a new epoch. That the bit still stands is that version and epoch are equal.
 *
 * Witnesses are for these checks alone; no script looks at them.
 */

/* ---- bounds, and what differs between configurations -------------------------------------------------------------------- */

#ifndef SHARDS
#define SHARDS 2 /* to 3 */
#endif
#ifndef CLIENTS
#define CLIENTS 2 /* to 3 */
#endif
#ifndef JOINERS
#define JOINERS 0 /* to 2 */
#endif
#ifndef QUEUE
#define QUEUE 0 /* 1: the joiners wait in a queue, and client 0 is its worker */
#endif
#ifndef UNITS
#define UNITS 3
#endif
#ifndef QUANTITIES
#define QUANTITIES 3 /* requests are for one unit to so many */
#endif
#define ANY 255
#ifndef FIRST
#define FIRST ANY /* the units that lie on shard 0 at first */
#endif
#ifndef HOMES
#define HOMES ANY /* the homes of the clients on two shards, a bit each */
#endif
#ifndef TWO_UNITS
#define TWO_UNITS ANY /* the requests for two units, a bit each; the others are for one */
#endif
#ifndef CRASHES
#define CRASHES CLIENTS
#endif
#ifndef ROBBERIES
#define ROBBERIES 0 /* so often units that are moved are taken over though who moved them lives */
#endif
#ifndef LOST
#define LOST 0 /* 1: answers may be lost, and calls are repeated */
#endif
#ifndef CANCELS
#define CANCELS 0 /* 1: what is reserved may be cancelled */
#endif
#ifndef TIME
#define TIME 0 /* 1: holds may end */
#endif
#ifndef CONFIRMS
#define CONFIRMS 0 /* 1: what is reserved is confirmed, also late */
#endif
#ifndef ORDERS
#define ORDERS 0 /* 1: and then ordered */
#endif
#ifndef REFUNDS
#define REFUNDS 0 /* 1: and given back */
#endif
#ifndef FAILOVERS
#define FAILOVERS 0
#endif
#ifndef MOVES_MAX
#define MOVES_MAX 40 /* units sent between two shards in all; far more than there ever are */
#endif

/* ---- mutations: ways to build it wrong; each must break a promise ------------------------------------------------------- */

#define TAKE_THEN_SERVE 1   /* taking is a step of its own */
#define TAKE_TOO_FEW 2      /* a client takes what was moved though it cannot be served from that */
#define ANY_DIRECTION 3     /* units are gathered at each request's own home, not at the lowest shard */
#define ANY_LEAST 4         /* out moves what there is, though it is less than `least` */
#define ROB_AT_ONCE 5       /* units that are moved are taken over at once */
#define NEVER_TAKE_OVER 6   /* with FAIR: nobody takes over what a dead client moved */
#define TAKE_TOTAL 7        /* take adds the whole total */
#define NO_TRANSIT 8        /* a round does not count what is moving */
#define SUM_OF_TOTALS 9     /* what is moving is computed from the sums of the totals, not pair by pair */
#define ONE_ROUND 10        /* one round is a proof */
#define TAKE_UNSEEN 11      /* take does not raise the version */
#define BACK_UNSEEN 12      /* taking back what is overdue does not either */
#define CANCEL_UNSEEN 13    /* nor cancel */
#define BOOK_UNSEEN 14      /* nor booking a forgotten transfer */
#define KEEP_OVERDUE 15     /* survey does not take back what is overdue */
#define PROVE_LATER 16      /* a proof refuses who came after its first round */
#define PROVE_ALL 17        /* a proof refuses whatever the quantity */
#define ROUNDS_ANY_EPOCH 18 /* the rounds of a proof do not compare epochs */
#define PROOF_ANY_EPOCH 19  /* a script does not compare the epoch of the proof */
#define VOID_UNPROVEN 20    /* a late confirm is expired for good without a proof */
#define NEVER_BOOK 21       /* nobody tells a shard of a transfer that it has forgotten */
#define BOOK_FOR_NOTHING 22 /* who books a forgotten transfer does not give the units for it */
#define DEBT_UNPAID 23      /* with FAIR: nobody moves units to a home that owes */
#define NO_INVENTORY 24     /* orders are written without a look at the inventory */
#define NO_REPLAY 25        /* no order is replayed */
#define REPLAY_ONCE 26      /* orders are replayed at a new epoch only, not where the event is gone */
#define REPLAY_IF_STOCK 27  /* a replayed order is refused where units are short */
#define REPLAY_REFUNDED 28  /* a replayed order makes a refunded record sold again */
#define NO_TOMBSTONE 29     /* the replay of a refund leaves no record where there was none */
#define START_BLIND 30      /* a worker that starts replays nothing */
#ifndef MUTATION
#define MUTATION 0
#endif

/* Changes that break nothing: see README.md. */
#define ANY_KNOWN 100       /* out does not compare the total with what the caller knew */
#define OUT_UNSEEN 101      /* out does not raise the version */

/* ---- the state ----------------------------------------------------------------------------------------------------------- */

#define BIT(i) (1 << (i))
#define ALL_SHARDS (BIT(SHARDS) - 1)
#define REQUESTS (CLIENTS + JOINERS)
#define IS_WORKER(c) (QUEUE && (c) == 0)
#define POSITIVE(n) ((n) > 0 -> (n) : 0)
#define MANY 99

/* What somebody is at. 0: he has not come yet. */
mtype = { ASKING, SURVEYING, MOVING, TAKING, SERVING, PROVEN, WAITING, HELD, DONE }
/* The states of a record; 0: there is none. */
mtype = { RESERVED, SOLD, CANCELLED, EXPIRED, VOID, REFUNDED }
/* Rows of the orders database; 0: there is none. */
mtype = { ORDERED, REFUSED }
/* answers */
mtype = { OK, SHORT, FINAL }

typedef Shard {
    short available;                                    /* negative: units that it owes */
    byte sent[SHARDS], taken[SHARDS];                   /* totals, to and from each other shard */
    mtype state[REQUESTS];                              /* the records; of each request at its home only */
    byte events;                                        /* confirmed and not acknowledged, a bit for each request */
#if QUEUE
    byte enqueued, decided;
    byte queue[JOINERS + FAILOVERS * JOINERS + 1];      /* by n: the request */
#endif
    bool is_calm                                        /* a new epoch: nothing expires yet */
}

typedef Totals {
    byte with[SHARDS]
}

typedef Request {
    mtype phase;
    byte home, quantity;
    bool is_late                                        /* it confirms late */
}

typedef Client {
    byte needs;                                         /* the units that it searches for */
    byte todo;                                          /* shards that this round has not surveyed, a bit each */
    short available[SHARDS];                            /* what this round found */
    Totals sent[SHARDS], taken[SHARDS];
    byte same;                                          /* shards with the version and epoch that it saw last, a bit each */
    bool is_proof, is_same;                             /* the round before found too few; and nothing has risen since */
    byte units, covered;                                /* what it found, and whom it may refuse: joiners, or places to this n */
    byte from, to, known, taken_seen, least, want;      /* the move that it makes */
    bool serves;                                        /* and then it is served; else it only gathers */
    byte total
}

Shard shards[SHARDS];
Request requests[REQUESTS];                             /* those of the clients, then the joiners */
Client clients[CLIENTS];
byte loaded[SHARDS];
byte overdue;                                           /* requests whose hold is over, a bit each */
byte crashes, robberies;
byte granted;                                           /* witness: who may believe that he holds units, a bit each */
byte lacked;                                            /* witness: whose units were wanting at some instant, a bit each */
byte lost;                                              /* witness: units that lost writes were about */
#if FAILOVERS
Shard old[SHARDS];                                      /* what they may go back to, */
byte kept;                                              /* where there is something, a bit each */
byte kept_same;                                         /* where it has the version that the shard has now, a bit each */
byte failovers;
#endif
#if ORDERS
mtype rows[REQUESTS];                                   /* the orders database */
byte ordered;                                           /* units that it has taken from the inventory */
byte read;                                              /* events in the worker's hands, a bit each */
byte unseen;                                            /* shards whose new epoch the worker has not seen */
byte replays;                                           /* orders that it has still to replay */
#endif

/* These hold nothing from one step to the next. */
hidden short i, j, k, n, units, held, moving, most, was;
hidden byte found;
hidden mtype answer;
hidden Shard nothing;

#define me clients[c]
#define mine requests[c]
#define own shards[mine.home]
#define IS_HELD(s, id) (shards[s].state[id] == RESERVED || shards[s].state[id] == SOLD)
#define IS_OVERDUE(s, id) (TIME && shards[s].state[id] == RESERVED && (overdue & BIT(id)) && !shards[s].is_calm)
#define IS_SEARCHING(phase) (phase == ASKING || phase == SURVEYING || phase == MOVING || phase == TAKING || phase == SERVING || \
                             phase == PROVEN || phase == WAITING)
/* Whether it may still be refused. A failover may put a request back into the queue though its user has heard of a grant. */
#define IS_ALIVE(id) (IS_SEARCHING(requests[id].phase) && !IS_WORKER(id) || QUEUE && (id) >= CLIENTS && requests[id].phase != 0)
#define IS_UNSETTLED(d, r) (shards[d].sent[r] != shards[r].taken[d])

/* ---- what is checked after each step ------------------------------------------------------------------------------------- */

inline accounted() {
    units = 0;
    most = 0;
    for (i : 0 .. SHARDS - 1) {
        held = shards[i].available;
        was = loaded[i];
        k = shards[i].available;
        for (j : 0 .. REQUESTS - 1) {
            held = held + (IS_HELD(i, j) -> requests[j].quantity : 0);
            most = most + (IS_HELD(i, j) || requests[j].home == i && (granted & BIT(j)) -> requests[j].quantity : 0);
            k = k + (IS_OVERDUE(i, j) -> requests[j].quantity : 0)
        }
        units = units + POSITIVE(k);
        for (j : 0 .. SHARDS - 1) {
            was = was + shards[i].taken[j] - shards[i].sent[j];
            units = units + POSITIVE(shards[i].sent[j] - shards[j].taken[i]);
            assert(shards[i].sent[j] < MOVES_MAX)
        }
        assert(was == held);
        assert(shards[i].available >= 0 || lost > 0)
    }
    assert(most <= UNITS + lost);
    for (i : 0 .. REQUESTS - 1) {
        if
        :: IS_ALIVE(i) && units < requests[i].quantity -> lacked = lacked | BIT(i)
        :: else
        fi
    }
    found = 0
}

/* ---- what scripts share -------------------------------------------------------------------------------------------------- */

inline raise_version(s) {
    for (i : 0 .. CLIENTS - 1) { clients[i].same = clients[i].same & ~BIT(s) }
#if FAILOVERS
    kept_same = kept_same & ~BIT(s)
#endif
}

inline raise_unless(mutation, s) {
    if
    :: MUTATION != mutation -> raise_version(s)
    :: else
    fi
}

inline take_back(s) {
    for (j : 0 .. REQUESTS - 1) {
        if
        :: IS_OVERDUE(s, j) ->
            shards[s].available = shards[s].available + requests[j].quantity;
            shards[s].state[j] = EXPIRED;
            granted = granted & ~BIT(j);
            raise_unless(BACK_UNSEEN, s)
        :: else
        fi
    }
    j = 0
}

inline take(r, d, the_total) {
    if
    :: MUTATION == TAKE_TOTAL ->
        shards[r].available = shards[r].available + the_total;
        shards[r].taken[d] = the_total
    :: MUTATION != TAKE_TOTAL && the_total > shards[r].taken[d] ->
        shards[r].available = shards[r].available + the_total - shards[r].taken[d];
        shards[r].taken[d] = the_total;
        raise_unless(TAKE_UNSEEN, r)
    :: else
    fi
}

/* Books what D has forgotten; then moves, unless somebody has moved since the caller looked. */
inline transfer_out(d, r, known_total, least_units, want_units, taken_total) {
    was = shards[d].sent[r];
    if
    :: taken_total > was ->
        shards[d].available = shards[d].available - (MUTATION == BOOK_FOR_NOTHING -> 0 : taken_total - was);
        shards[d].sent[r] = taken_total;
        raise_unless(BOOK_UNSEEN, d)
    :: else
    fi;
    if
    :: least_units > 0 && (was <= known_total || MUTATION == ANY_KNOWN) ->
        take_back(d);
        if
        :: shards[d].available >= (MUTATION == ANY_LEAST -> 1 : least_units) ->
            most = (shards[d].available + 1) / 2;
            most = (most > want_units -> most : want_units);
            most = (most > shards[d].available -> shards[d].available : most);
            shards[d].available = shards[d].available - most;
            shards[d].sent[r] = shards[d].sent[r] + most;
            raise_unless(OUT_UNSEEN, d)
        :: else
        fi
    :: else
    fi
}

/* Takes units at a home shard for a request; what is overdue is looked at only where they are short. */
inline obtain(id, new_state) {
    if
    :: shards[requests[id].home].available < requests[id].quantity -> take_back(requests[id].home)
    :: else
    fi;
    if
    :: shards[requests[id].home].available >= requests[id].quantity ->
        shards[requests[id].home].available = shards[requests[id].home].available - requests[id].quantity;
        shards[requests[id].home].state[id] = new_state;
        overdue = overdue & ~BIT(id);
        granted = granted | BIT(id);
        answer = OK
    :: else -> answer = SHORT
    fi
}

inline sell(id) {
    shards[requests[id].home].state[id] = SOLD;
    shards[requests[id].home].events = shards[requests[id].home].events | BIT(id);
    answer = OK
}

inline refuse(id) {
    assert(lacked & BIT(id))
}

inline reserve(id) {
    if
    :: shards[requests[id].home].state[id] == 0 -> obtain(id, RESERVED)
    :: else -> answer = (IS_HELD(requests[id].home, id) -> OK : FINAL)
    fi
}

/* Confirms; takes the units again where the record is over or lost. It is expired for good only with a proof: since its round
 * nothing has risen here. */
inline confirm(id, is_proven) {
    if
    :: TIME && IS_OVERDUE(requests[id].home, id) -> take_back(requests[id].home)
    :: else
    fi;
    if
    :: shards[requests[id].home].state[id] == RESERVED -> sell(id)
    :: shards[requests[id].home].state[id] == SOLD -> answer = OK
    :: shards[requests[id].home].state[id] == 0 || shards[requests[id].home].state[id] == EXPIRED ->
        obtain(id, shards[requests[id].home].state[id]);
        if
        :: answer == OK -> sell(id)
        :: answer == SHORT && (is_proven || MUTATION == VOID_UNPROVEN) ->
            refuse(id);
            shards[requests[id].home].state[id] = VOID;
            granted = granted & ~BIT(id);
            answer = FINAL
        :: else
        fi
    :: else -> answer = FINAL
    fi
}

#if QUEUE
#define PLACES (JOINERS + FAILOVERS * JOINERS) /* how far n goes */
#define IS_AT(id, place) (own.decided < (place) && (place) <= own.enqueued && own.queue[place] == (id))
#define WAITS(id) (IS_AT(id, 1) || PLACES > 1 && IS_AT(id, 2 % (PLACES + 1)) || PLACES > 2 && IS_AT(id, 3 % (PLACES + 1)) || \
                   PLACES > 3 && IS_AT(id, 4 % (PLACES + 1)))
#define HEAD own.queue[own.decided + 1]
#define IS_EMPTY (own.decided == own.enqueued)

inline enqueue(id) {
    own.enqueued++;
    own.queue[own.enqueued] = id
}

/* Decides who waits, in order; or stops. The proof is about places to `covered`. */
inline process(is_proven) {
    do
    :: !IS_EMPTY ->
        found = HEAD;
        if
        :: own.state[found] != 0 -> answer = OK
        :: else -> obtain(found, RESERVED)
        fi;
        if
        :: answer == OK
        :: answer == SHORT && is_proven && (me.same & BIT(mine.home) || MUTATION == PROOF_ANY_EPOCH) &&
           (requests[found].quantity > me.units || MUTATION == PROVE_ALL) &&
           (own.decided + 1 <= me.covered || MUTATION == PROVE_LATER) ->
            refuse(found);
            requests[found].phase = DONE
        :: else -> break
        fi;
        own.queue[own.decided + 1] = 0;
        own.decided++
    :: else -> break
    od
}
#endif

/* ---- a search ------------------------------------------------------------------------------------------------------------ */

inline forget_view() {
    me.todo = ALL_SHARDS;
    for (i : 0 .. SHARDS - 1) {
        me.available[i] = 0;
        for (j : 0 .. SHARDS - 1) {
            me.sent[i].with[j] = 0;
            me.taken[i].with[j] = 0
        }
    }
    i = 0
}

inline forget_move() {
    me.from = 0;
    me.to = 0;
    me.known = 0;
    me.taken_seen = 0;
    me.least = 0;
    me.want = 0;
    me.serves = false;
    me.total = 0
}

inline forget_rounds() {
    me.is_proof = false;
    me.is_same = false;
    me.same = 0;
    me.units = 0;
    me.covered = 0
}

inline forget() {
    forget_view();
    forget_move();
    forget_rounds()
}

/* The script that serves at home, with a proof or without. */
inline call_home(is_proven) {
#if QUEUE
    if
    :: IS_WORKER(c) -> process(is_proven)
    :: else -> reserve(c)
    fi
#else
    if
    :: mine.is_late -> confirm(c, is_proven && (me.same & BIT(mine.home) || MUTATION == PROOF_ANY_EPOCH))
    :: else -> reserve(c)
    fi
#endif
}

/* Its answer. */
inline hear() {
    forget();
    if
#if QUEUE
    :: IS_WORKER(c) && IS_EMPTY -> mine.phase = ASKING; me.needs = 0
    :: IS_WORKER(c) && !IS_EMPTY -> mine.phase = SURVEYING; me.needs = requests[HEAD].quantity
#endif
    :: !IS_WORKER(c) && answer == SHORT -> mine.phase = SURVEYING
    :: !IS_WORKER(c) && answer == OK && !mine.is_late -> mine.phase = HELD; me.needs = 0
    :: else -> mine.phase = DONE; me.needs = 0
    fi
}

inline serve(is_proven) {
    call_home(is_proven);
    hear()
}

#define SEEN(s) me.available[s]
#define MOVING_SEEN(d, r) (me.sent[d].with[r] - me.taken[r].with[d])
#define IS_MOVER(id, d, r) ((requests[id].phase == MOVING || requests[id].phase == TAKING || requests[id].phase == SERVING) && \
                            clients[id].from == (d) && clients[id].to == (r))

inline move(d, r, least_units, want_units, to_serve) {
    me.from = d;
    me.to = r;
    me.known = me.sent[d].with[r];
    me.taken_seen = me.taken[r].with[d];
    me.least = least_units;
    me.want = want_units;
    me.serves = to_serve;
    mine.phase = MOVING;
    found = true
}

/* Tells a donor of a transfer that it has forgotten. */
inline book() {
    for (i : 0 .. SHARDS - 1) {
        for (j : 0 .. SHARDS - 1) {
            if
            :: !found && MOVING_SEEN(i, j) < 0 && MUTATION != NEVER_BOOK -> move(i, j, 0, 0, false)
            :: else
            fi
        }
    }
}

/* All at once, from a shard that has enough, to be served from it. */
inline move_all() {
    k = me.needs + POSITIVE(-SEEN(mine.home));
    for (i : 0 .. SHARDS - 1) {
        if
        :: !found && i != mine.home && SEEN(i) >= k -> move(i, mine.home, k, k, true)
        :: else
        fi
    }
}

/* A home that owes is paid first: nothing is served there before. */
inline pay_debt() {
    for (i : 0 .. SHARDS - 1) {
        if
        :: !found && SEEN(mine.home) < 0 && SEEN(i) > 0 && MUTATION != DEBT_UNPAID ->
            move(i, mine.home, 1, -SEEN(mine.home), false)
        :: else
        fi
    }
}

/* Downhill: to the lowest shard that has any, from the next one. */
inline gather() {
    k = (MUTATION == ANY_DIRECTION -> mine.home : SHARDS);
    for (i : 0 .. SHARDS - 1) {
        if
        :: SEEN(i) > 0 && k == SHARDS -> k = i
        :: !found && SEEN(i) > 0 && k < SHARDS && k != i -> move(i, k, 1, MANY, false)
        :: else
        fi
    }
}

/* What has stood still: who moved it is dead. */
inline take_over() {
    for (i : 0 .. SHARDS - 1) {
        for (j : 0 .. SHARDS - 1) {
            was = 0;
            for (k : 0 .. CLIENTS - 1) { was = was + IS_MOVER(k, i, j) }
            if
            :: !found && MOVING_SEEN(i, j) > 0 && MUTATION != NEVER_TAKE_OVER &&
               (was == 0 || robberies < ROBBERIES || MUTATION == ROB_AT_ONCE) ->
                robberies = (was == 0 || MUTATION == ROB_AT_ONCE -> robberies : robberies + 1);
                me.from = i;
                me.to = j;
                me.total = me.sent[i].with[j];
                mine.phase = TAKING;
                found = true
            :: else
            fi
        }
    }
}

inline decide_move() {
    found = false;
    book();
    if
    :: !found && SEEN(mine.home) >= me.needs -> mine.phase = ASKING; found = true
    :: else
    fi;
    move_all();
    pay_debt();
    if
    :: !found && units >= me.needs -> gather()
    :: else
    fi;
    take_over()
}

/* A joiner that asked before the first round of the proof ended. */
inline refuse_joiners() {
    for (i : CLIENTS .. REQUESTS - 1) {
        if
        :: requests[i].phase == WAITING && (me.covered & BIT(i) || MUTATION == PROVE_LATER) &&
           (requests[i].quantity > me.units || MUTATION == PROVE_ALL) ->
            refuse(i);
            requests[i].phase = DONE
        :: else
        fi
    }
}

inline prove() {
#if JOINERS && !QUEUE
    refuse_joiners();
#endif
    if
    :: mine.is_late || IS_WORKER(c) -> mine.phase = PROVEN; forget_view()
    :: else ->
        refuse(c);
        mine.phase = DONE;
        me.needs = 0;
        forget()
    fi
}

/* The units that it found are what the next round is the proof of. */
inline begin_proof() {
    me.is_proof = true;
    me.is_same = true;
    me.units = units + moving;
#if QUEUE
    me.covered = (IS_WORKER(c) -> me.want : 0);
    me.want = 0
#else
    me.covered = 0;
    for (i : CLIENTS .. REQUESTS - 1) {
        me.covered = (requests[i].phase == WAITING -> me.covered | BIT(i) : me.covered)
    }
#endif
}

inline end_round() {
    units = 0;
    moving = 0;
    for (i : 0 .. SHARDS - 1) {
        units = units + POSITIVE(SEEN(i));
        for (j : 0 .. SHARDS - 1) {
            moving = moving + (MUTATION == SUM_OF_TOTALS -> MOVING_SEEN(i, j) : POSITIVE(MOVING_SEEN(i, j)))
        }
    }
    moving = (MUTATION == NO_TRANSIT -> 0 : POSITIVE(moving));
    if
    :: me.is_proof && me.is_same || MUTATION == ONE_ROUND && units + moving < me.needs -> prove()
    :: else ->
        if
        :: units + moving < me.needs -> begin_proof()
        :: else ->
            forget_rounds();
            me.want = 0;
            decide_move()
        fi;
        forget_view()
    fi
}

inline survey(s) {
    if
    :: MUTATION != KEEP_OVERDUE -> take_back(s)
    :: else
    fi;
    SEEN(s) = shards[s].available;
    for (i : 0 .. SHARDS - 1) {
        me.sent[s].with[i] = shards[s].sent[i];
        me.taken[s].with[i] = shards[s].taken[i]
    }
    me.is_same = me.is_same && (me.same & BIT(s));
    me.same = me.same | BIT(s);
#if QUEUE
    me.want = (IS_WORKER(c) && s == mine.home -> own.enqueued : me.want);
#endif
    me.todo = me.todo & ~BIT(s);
    if
    :: me.todo == 0 -> end_round()
    :: else
    fi
}

/* It goes on only where what was moved since it looked suffices, whoever moved it. */
inline after_out() {
    was = shards[me.from].sent[me.to];
    if
    :: me.least > 0 && (was - me.known >= me.least || MUTATION == TAKE_TOO_FEW || MUTATION == ANY_LEAST) ->
        k = me.serves;
        i = me.from;
        j = me.to;
        forget_move();
        me.from = i;
        me.to = j;
        me.serves = k;
        me.total = was;
        mine.phase = TAKING
    :: else ->
        forget_move();
        mine.phase = SURVEYING
    fi
}

/* To serve, or a survey that only takes. */
inline after_take() {
    if
    :: me.serves && MUTATION == TAKE_THEN_SERVE -> forget_move(); mine.phase = SERVING
    :: me.serves && MUTATION != TAKE_THEN_SERVE -> serve(false)
    :: else ->
        take_back(me.to);
        forget();
        mine.phase = SURVEYING
    fi
}

inline release(id, new_state) {
    shards[requests[id].home].state[id] = new_state;
    shards[requests[id].home].available = shards[requests[id].home].available + requests[id].quantity;
    granted = granted & ~BIT(id)
}

#if QUEUE
#define NO_WORK IS_EMPTY
#else
#define NO_WORK false
#endif

proctype client(byte c) {
#if QUEUE
end: /* a worker without work */
#endif
    do
    :: d_step { mine.phase == 0 -> mine.phase = ASKING; serve(false); accounted() }
    :: d_step { mine.phase == ASKING && !(IS_WORKER(c) && NO_WORK) -> serve(false); accounted() }
    :: d_step { mine.phase == SERVING -> serve(false); accounted() }
    :: d_step { mine.phase == SURVEYING && (me.todo & BIT(0)) -> survey(0); accounted() }
    :: d_step { mine.phase == SURVEYING && (me.todo & BIT(1)) -> survey(1); accounted() }
#if SHARDS > 2
    :: d_step { mine.phase == SURVEYING && (me.todo & BIT(2)) -> survey(2); accounted() }
#endif
    :: d_step { mine.phase == MOVING ->
        transfer_out(me.from, me.to, me.known, me.least, me.want, me.taken_seen);
        after_out();
        accounted()
    }
    :: d_step { mine.phase == TAKING -> take(me.to, me.from, me.total); after_take(); accounted() }
    :: d_step { mine.phase == PROVEN -> serve(true); accounted() }
#if LOST /* the answer is lost */
    :: d_step { mine.phase == 0 -> mine.phase = ASKING; call_home(false); accounted() }
    :: d_step { mine.phase == ASKING -> call_home(false); accounted() }
    :: d_step { mine.phase == PROVEN -> call_home(true); accounted() }
    :: d_step { mine.phase == MOVING -> transfer_out(me.from, me.to, me.known, me.least, me.want, me.taken_seen); accounted() }
    :: d_step { mine.phase == TAKING ->
        take(me.to, me.from, me.total);
        if
        :: me.serves -> call_home(false)
        :: else
        fi;
        accounted()
    }
#endif
#if CANCELS
    :: d_step { mine.phase == HELD && own.state[c] == RESERVED ->
        release(c, CANCELLED);
        raise_unless(CANCEL_UNSEEN, mine.home);
        mine.phase = DONE;
        accounted()
    }
#endif
#if CONFIRMS
    :: d_step { mine.phase == HELD ->
        lacked = lacked & ~BIT(c);
        me.needs = mine.quantity;
        mine.is_late = true;
        mine.phase = ASKING;
        serve(false);
        accounted()
    }
#endif
    :: mine.phase == HELD -> mine.phase = DONE
    :: d_step { IS_SEARCHING(mine.phase) && crashes < CRASHES -> /* it dies */
        crashes++;
        forget();
        me.needs = 0;
        mine.phase = (IS_WORKER(c) -> ASKING : DONE);
        accounted()
    }
    :: mine.phase == DONE -> break
    od
}

#if JOINERS
/* Asks its home shard; then it waits for the search of client 0, or in the queue. */
proctype joiner(byte id) {
    byte c; /* client 0, whose home is its own */

#if QUEUE
end:
    do
    :: d_step { requests[id].phase == 0 -> requests[id].phase = WAITING; enqueue(id); accounted() }
    :: requests[id].phase == WAITING && own.state[id] != 0 -> requests[id].phase = HELD
#if FAILOVERS /* its place is lost */
    :: d_step { requests[id].phase == WAITING && own.state[id] == 0 && !WAITS(id) -> enqueue(id); accounted() }
#endif
#if CANCELS
    :: d_step { requests[id].phase == HELD && own.state[id] == RESERVED ->
        release(id, CANCELLED);
        raise_version(mine.home);
        requests[id].phase = DONE;
        accounted()
    }
#endif
    :: requests[id].phase == HELD -> requests[id].phase = DONE
    :: requests[id].phase == DONE -> break
    od
#else
    do
    :: d_step { requests[id].phase == 0 ->
        lacked = lacked & ~BIT(id);
        requests[id].phase = WAITING;
        reserve(id);
        requests[id].phase = (answer == SHORT -> WAITING : DONE);
        accounted()
    }
    :: requests[id].phase == DONE -> break
    :: requests[id].phase == WAITING && requests[0].phase == DONE -> requests[id].phase = DONE
    od
#endif
}
#endif

/* ---- everybody else ------------------------------------------------------------------------------------------------------ */

#if TIME
#define OVERDUE_NEXT(id) (shards[requests[id].home].state[id] == RESERVED && !(overdue & BIT(id)))

proctype clock() {
end:
    do
    :: d_step { OVERDUE_NEXT(0) -> overdue = overdue | BIT(0); accounted() }
    :: d_step { OVERDUE_NEXT(1) -> overdue = overdue | BIT(1); accounted() }
#if REQUESTS > 2
    :: d_step { OVERDUE_NEXT(2) -> overdue = overdue | BIT(2); accounted() }
#endif
#if REQUESTS > 3
    :: d_step { OVERDUE_NEXT(3) -> overdue = overdue | BIT(3); accounted() }
#endif
#if FAILOVERS
    :: d_step { shards[0].is_calm -> shards[0].is_calm = false; accounted() }
    :: d_step { shards[1].is_calm -> shards[1].is_calm = false; accounted() }
#if SHARDS > 2
    :: d_step { shards[2].is_calm -> shards[2].is_calm = false; accounted() }
#endif
#endif
    od
}
#endif

#if FAILOVERS
inline copy(what, where) {
    where.available = what.available;
    where.events = what.events;
    where.is_calm = what.is_calm;
    for (i : 0 .. SHARDS - 1) {
        where.sent[i] = what.sent[i];
        where.taken[i] = what.taken[i]
    }
    for (i : 0 .. REQUESTS - 1) { where.state[i] = what.state[i] }
#if QUEUE
    where.enqueued = what.enqueued;
    where.decided = what.decided;
    for (i : 1 .. JOINERS + FAILOVERS * JOINERS) { where.queue[i] = what.queue[i] }
#endif
}

inline keep(s) {
    copy(shards[s], old[s]);
    kept = kept | BIT(s);
    kept_same = kept_same | BIT(s)
}

/* What was granted, sold or sent and is forgotten may be granted once more; a forgotten refund may be undone for a while. */
inline lose(s) {
    for (i : 0 .. SHARDS - 1) { lost = lost + shards[s].sent[i] - old[s].sent[i] }
    for (i : 0 .. REQUESTS - 1) {
        lost = lost + (shards[s].state[i] != old[s].state[i] && (IS_HELD(s, i) || shards[s].state[i] == REFUNDED) ->
                       requests[i].quantity : 0)
    }
    copy(old[s], shards[s]);
    shards[s].is_calm = TIME;
    for (i : 0 .. CLIENTS - 1) {
        if
        :: (MUTATION == ROUNDS_ANY_EPOCH || MUTATION == PROOF_ANY_EPOCH && requests[i].phase == PROVEN) && kept_same & BIT(s)
        :: else -> clients[i].same = clients[i].same & ~BIT(s)
        fi
    }
    copy(nothing, old[s]);
    kept = kept & ~BIT(s);
    kept_same = kept_same & ~BIT(s);
#if ORDERS
    unseen = unseen | BIT(s);
#endif
    failovers++;
    if
    :: failovers == FAILOVERS ->
        for (k : 0 .. SHARDS - 1) { copy(nothing, old[k]) }
        kept = 0;
        kept_same = 0
    :: else
    fi
}

proctype faults() {
end:
    do
    :: d_step { failovers < FAILOVERS && !(kept & BIT(0)) -> keep(0) }
    :: d_step { failovers < FAILOVERS && !(kept & BIT(1)) -> keep(1) }
    :: d_step { failovers < FAILOVERS && (kept & BIT(0)) -> lose(0); accounted() }
    :: d_step { failovers < FAILOVERS && (kept & BIT(1)) -> lose(1); accounted() }
#if SHARDS > 2
    :: d_step { failovers < FAILOVERS && !(kept & BIT(2)) -> keep(2) }
    :: d_step { failovers < FAILOVERS && (kept & BIT(2)) -> lose(2); accounted() }
#endif
    od
}
#endif

/* When nobody searches any more: one pair of totals after the other. */
inline settle() {
    found = false;
    for (n : 0 .. SHARDS - 1) {
        for (k : 0 .. SHARDS - 1) {
            if
            :: !found && IS_UNSETTLED(n, k) ->
                found = true;
                if
                :: shards[n].sent[k] > shards[k].taken[n] -> take(k, n, shards[n].sent[k])
                :: else ->
                    if
                    :: MUTATION != NEVER_BOOK -> transfer_out(n, k, 0, 0, 0, shards[k].taken[n])
                    :: else
                    fi
                fi;
                assert(!IS_UNSETTLED(n, k))
            :: else
            fi
        }
    }
    found = 0
}

#if ORDERS
#define REFUND(id) ((id) + 4) /* its refund, among events and replays */

/* The shop gives a sold unit back. */
inline give_back(id) {
    release(id, REFUNDED);
    raise_version(requests[id].home);
    shards[requests[id].home].events = shards[requests[id].home].events | BIT(REFUND(id))
}

/* One transaction of the orders database. Rows only move forward. */
inline persist(id) {
    if
    :: rows[id] == 0 && (ordered + requests[id].quantity <= UNITS || MUTATION == NO_INVENTORY) ->
        rows[id] = ORDERED;
        ordered = ordered + requests[id].quantity
    :: rows[id] == 0 && !(ordered + requests[id].quantity <= UNITS || MUTATION == NO_INVENTORY) -> rows[id] = REFUSED
    :: else
    fi;
    assert(ordered <= UNITS)
}

inline persist_refund(id) {
    if
    :: rows[id] == ORDERED -> ordered = ordered - requests[id].quantity
    :: else
    fi;
    rows[id] = REFUSED
}

/* It says whether the event stood there: if not, a failover has lost it, and perhaps what it told of. */
inline acknowledge(the_id, event) {
    read = read & ~BIT(event);
    if
    :: !(shards[requests[the_id].home].events & BIT(event)) && MUTATION != REPLAY_ONCE -> plan_replay(the_id)
    :: else
    fi;
    shards[requests[the_id].home].events = shards[requests[the_id].home].events & ~BIT(event)
}

inline plan_replay(an_id) {
    if
    :: MUTATION == NO_REPLAY
    :: MUTATION != NO_REPLAY && rows[an_id] == ORDERED -> replays = replays | BIT(an_id)
    :: MUTATION != NO_REPLAY && rows[an_id] == REFUSED -> replays = replays | BIT(REFUND(an_id))
    :: else
    fi
}

inline see_epoch(s) {
    unseen = unseen & ~BIT(s);
    for (j : 0 .. REQUESTS - 1) {
        if
        :: requests[j].home == s -> plan_replay(j)
        :: else
        fi
    }
    j = 0
}

/* Whatever the record is, and whatever there is: it was sold. */
inline replay_order(id) {
    replays = replays & ~BIT(id);
    if
    :: shards[requests[id].home].state[id] == SOLD
    :: shards[requests[id].home].state[id] == REFUNDED && MUTATION != REPLAY_REFUNDED
    :: shards[requests[id].home].state[id] == RESERVED -> shards[requests[id].home].state[id] = SOLD
    :: else ->
        if
        :: MUTATION != REPLAY_IF_STOCK || shards[requests[id].home].available >= requests[id].quantity ->
            shards[requests[id].home].state[id] = SOLD;
            shards[requests[id].home].available = shards[requests[id].home].available - requests[id].quantity
        :: else
        fi
    fi
}

/* A record that is lost comes back as refunded: nobody confirms it again, and no late replay sells it. */
inline replay_refund(id) {
    replays = replays & ~BIT(REFUND(id));
    if
    :: IS_HELD(requests[id].home, id) -> release(id, REFUNDED); raise_version(requests[id].home)
    :: !IS_HELD(requests[id].home, id) && MUTATION != NO_TOMBSTONE -> shards[requests[id].home].state[id] = REFUNDED
    :: else
    fi
}

#define HAS_EVENT(id, event) ((shards[requests[id].home].events & BIT(event)) && !(read & BIT(event)))

/* Any number of workers; what is in their hands may be late. */
proctype worker(byte id) {
end:
    do
    :: d_step { HAS_EVENT(id, id) -> read = read | BIT(id) }
    :: d_step { HAS_EVENT(id, REFUND(id)) -> read = read | BIT(REFUND(id)) }
    :: d_step { (read & BIT(id)) && rows[id] == 0 -> persist(id) }
    :: d_step { (read & BIT(REFUND(id))) && rows[id] != REFUSED -> persist_refund(id) }
    /* it refunds what was refused */
    :: d_step { (read & BIT(id)) && rows[id] == REFUSED && shards[requests[id].home].state[id] == SOLD ->
        release(id, REFUNDED);
        raise_version(requests[id].home);
        accounted()
    }
    :: d_step { (read & BIT(id)) && (rows[id] == ORDERED || rows[id] == REFUSED && shards[requests[id].home].state[id] != SOLD) ->
        acknowledge(id, id)
    }
    :: d_step { (read & BIT(REFUND(id))) && rows[id] == REFUSED -> acknowledge(id, REFUND(id)) }
    :: d_step { replays & BIT(id) -> replay_order(id); accounted() }
    :: d_step { replays & BIT(REFUND(id)) -> replay_refund(id); accounted() }
    :: d_step { shards[requests[id].home].state[id] == SOLD && REFUNDS -> give_back(id); accounted() }
#if FAILOVERS
    :: d_step { id == 0 && (unseen & BIT(0)) -> see_epoch(0) }
    :: d_step { id == 0 && (unseen & BIT(1)) -> see_epoch(1) }
#endif
    :: d_step { id == 0 && (read || replays) && crashes < CRASHES -> /* it dies; the next begins with what it may have missed */
        crashes++;
        read = 0;
        replays = 0;
        unseen = (MUTATION == START_BLIND -> unseen : ALL_SHARDS)
    }
    od
}
#endif

#define IS_DONE(id) (requests[id].phase == DONE)
#if REQUESTS > 3
#define IS_OVER ((QUEUE || IS_DONE(0)) && IS_DONE(1) && IS_DONE(2) && IS_DONE(3))
#elif REQUESTS > 2
#define IS_OVER ((QUEUE || IS_DONE(0)) && IS_DONE(1) && IS_DONE(2))
#else
#define IS_OVER (IS_DONE(0) && IS_DONE(1))
#endif
#if SHARDS > 2
#define IS_SETTLED (!(IS_UNSETTLED(0, 1) || IS_UNSETTLED(1, 0) || IS_UNSETTLED(0, 2) || IS_UNSETTLED(2, 0) || \
                      IS_UNSETTLED(1, 2) || IS_UNSETTLED(2, 1)))
#else
#define IS_SETTLED (!(IS_UNSETTLED(0, 1) || IS_UNSETTLED(1, 0)))
#endif

inline rested() {
    was = 0;
    for (i : 0 .. SHARDS - 1) {
        was = was + shards[i].available;
        for (j : 0 .. REQUESTS - 1) {
            was = was + (IS_HELD(i, j) -> requests[j].quantity : 0);
#if ORDERS
            if
            :: read == 0 && replays == 0 && unseen == 0 && !shards[i].events && requests[j].home == i ->
                assert(rows[j] != ORDERED || shards[i].state[j] == SOLD);
                assert(rows[j] != REFUSED || !IS_HELD(i, j));
                assert(shards[i].state[j] != SOLD || rows[j] == ORDERED)
            :: else
            fi
#endif
        }
    }
    assert(was == UNITS)
}

proctype upkeep() {
end:
    do
    :: d_step { IS_OVER && !IS_SETTLED -> settle(); accounted() }
    :: d_step { IS_OVER && IS_SETTLED -> rested() }
    od
}

init {
    byte s, left = UNITS;
    atomic {
        for (s : 0 .. SHARDS - 2) {
            select(n : 0 .. (FIRST == ANY || s > 0 -> left : 0));
            loaded[s] = (FIRST == ANY || s > 0 -> n : FIRST);
            left = left - loaded[s]
        }
        loaded[SHARDS - 1] = left;
        for (s : 0 .. SHARDS - 1) { shards[s].available = loaded[s] }
        for (s : 0 .. REQUESTS - 1) {
            select(n : 0 .. (HOMES == ANY && s < CLIENTS -> SHARDS - 1 : 0));
            requests[s].home = (s >= CLIENTS -> requests[0].home : (HOMES == ANY -> n : (HOMES >> s) & 1));
            select(n : 1 .. (TWO_UNITS == ANY -> QUANTITIES : 1));
            requests[s].quantity = (TWO_UNITS == ANY -> n : 1 + ((TWO_UNITS >> s) & 1))
        }
        for (s : 0 .. CLIENTS - 1) {
            clients[s].todo = ALL_SHARDS;
            clients[s].needs = (IS_WORKER(s) -> 0 : requests[s].quantity);
            requests[s].phase = (IS_WORKER(s) -> ASKING : 0)
        }
        s = 0;
        left = 0;
        n = 0;
        d_step { accounted() }
        run client(0);
        run client(1);
#if CLIENTS > 2
        run client(2);
#endif
#if JOINERS
        run joiner(CLIENTS);
#endif
#if JOINERS > 1
        run joiner(CLIENTS + 1);
#endif
#if TIME
        run clock();
#endif
#if FAILOVERS
        run faults();
#endif
#if ORDERS
        run worker(0);
        run worker(1);
#endif
#ifndef FAIR
        run upkeep()
#endif
    }
}

#ifdef FAIR
ltl answered_at_last { <> IS_OVER }
#endif
