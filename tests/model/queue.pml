/*
 * The queue that needs no acknowledgements, for Spin. README.md says how it is run.
 *
 * What is modelled: one shard on one server, and who calls its scripts. A script is one d_step: nothing comes between, and of
 * several guards that are true the first is taken.
 *   shopper  one for each request id. He asks, and asks again where he heard no answer; polls his ticket, and asks again where
 *            its place is lost; reserves without the queue; confirms or cancels what he was granted. He may stop anywhere.
 *   worker   reads what waits, screens it, calls process, and again with a proof where that stopped: at once, late or never. It
 *            may be killed anywhere.
 *   upkeep   expires reservations and forgets records that are over, as late as it likes.
 *   faults   the server restarts, with all that it had or with an earlier state of its own, and perhaps with a clock that is
 *            behind; at the next restart what was lost may come back instead of what came after. The epoch is a new one each
 *            time, greater than the one that the server finds, but not than all there ever were: a greater one may be lost.
 *   clock    time passes, without bound.
 *
 * What is left out: other shards (whose units could be moved in), pauses (nobody calls process then), refunds, entries of
 * several requests, reasons for which enqueue refuses besides age and the sale's end (it leaves no trace then), and the version
 * in a proof (it only makes process stop more often).
 *
 * What is checked, and the promise that it is:
 *   never oversold     accounted: available, reserved and sold are the units loaded, and no user is over the limit
 *   exactly once       grant: an id is granted once in a history. A server that goes back to an earlier state has forgotten
 *                      what it granted since; that may be granted again, and nothing else
 *                      enqueue: who was granted something is answered so
 *                      decide: places are decided in the order of n, none skipped, none twice; only those that the worker has
 *                      screened, each by its own verdict
 *   never stranded     decide: refused for want of units only where they were wanting at some instant of the wait
 *   answers are final  poll: `refused` only after a decision on this request, without a grant, and with no place of the id
 *                      left; `queued` only where the request stands; `lost` only in another epoch
 *                      decided_at_last (with FAIR): the request of each ticket is decided at last, whatever was lost
 *
 * Witnesses are for these checks alone; no script looks at them. They go back with the shard's state: they tell of one history.
 */

/* ---- bounds, and what differs between configurations -------------------------------------------------------------------- */

#ifndef IDS
#define IDS 2 /* request ids, to 3 */
#endif
#ifndef USERS
#define USERS IDS /* whose requests they are, in turn */
#endif
#ifndef TWO_UNITS
#define TWO_UNITS 0 /* the ids of requests for two units, a bit each */
#endif
#ifndef BLACKLIST
#define BLACKLIST 0 /* the ids that screening refuses, a bit each */
#endif
#ifndef UNITS
#define UNITS 1
#endif
#ifndef LIMIT
#define LIMIT 1 /* units for each user */
#endif
#ifndef WORKERS
#define WORKERS 2
#endif
#ifndef PLACES
#define PLACES 3 /* how far n goes, to 7 */
#endif
#ifndef RESTARTS
#define RESTARTS 0 /* to 2 */
#endif
#ifndef ROLLBACKS
#define ROLLBACKS 0 /* 1: they may lose writes */
#endif
#ifndef SKEW
#define SKEW 0 /* how far behind a new server's clock may be: max_skew */
#endif
#ifndef ENDS
#define ENDS 0 /* 1: the sale may be ended */
#endif
#ifndef LATE
#define LATE 0 /* 1: an enqueue that was given up may still arrive */
#endif
#ifndef TIME
#define TIME 1 /* 0: no time passes */
#endif
#ifndef PROOFS
#define PROOFS 1 /* 0: who finds too few units is taken to have a proof. Then it is all the same whether units are reserved or
                    sold, expired or cancelled: nothing is sold, nothing expires */
#endif
#ifndef HOLD
#define HOLD 1
#endif
#ifndef WINDOW
#define WINDOW 1
#endif
#ifndef REMEMBER
#define REMEMBER (WINDOW + (MUTATION != SHORT_MEMORY))
#endif
#ifdef FAIR /* no request grows too old, and each that was lost finds room again */
#define TICKS (REMEMBER - 1)
#define ROOM (PLACES - RESTARTS * IDS)
#else
#define ROOM PLACES
#endif

/* ---- mutations: ways to build it wrong; each must break a promise ------------------------------------------------------- */

#define BLIND_ENQUEUE 1     /* enqueue does not look at the records */
#define BLIND_PROCESS 2     /* process does not look at the records */
#define POLL_CURSOR_FIRST 3 /* poll looks at the cursor before the records */
#define POLL_ANY_EPOCH 4    /* poll trusts the cursor of another epoch */
#define POLL_BY_N 5         /* poll takes any request with its n for its own */
#define SAME_EPOCH 6        /* a restart goes unnoticed */
#define ANY_FROM 7          /* process does not compare `from` */
#define BEYOND_TO 8         /* process goes on past `to` */
#define TO_BY_ORDER 9       /* process goes on to all that is not greater than `to`, by epoch, then by n */
#define GO_ON_ANYWHERE 10   /* a worker goes on at whatever comes next, up to `to` */
#define CURSOR_LATER 11     /* the decisions in one step, the cursor in the next */
#define CURSOR_EARLIER 12   /* the cursor in one step, the decisions in the next */
#define NO_PROOF 13         /* process refuses for want of units without a proof */
#define OLD_PROOF 14        /* a worker uses a proof for what it read later */
#define PROOF_ANY_EPOCH 15  /* process does not compare the epoch of the proof */
#define FORGET_EARLY 16     /* records that are over are forgotten a tick too early */
#define PROCESS_ANY_AGE 17  /* process decides requests of any age */
#define AGAIN_AS_NEW 18     /* a request that is lost is enqueued again at any age, as if it were new */
#define SINCE_ENQUEUED 19   /* the age of a request that waits counts from when it was enqueued, not from when it was created */
#define NO_MARGIN 20        /* ids are remembered only for as long as a request may wait, with no room for skew */
#define SHORT_MEMORY 21     /* a request may still be new when its id is forgotten */
#define NEVER_PROVE 22      /* with FAIR: nobody proves that units are wanting */
#define NEVER_AGAIN 23      /* with FAIR: who has lost his place does not ask again */
#ifndef MUTATION
#define MUTATION 0
#endif

/* ---- the state ----------------------------------------------------------------------------------------------------------- */

#define BIT(i) (1 << (i))
#define USER(id) ((id) % USERS)
#define QUANTITY(id) (1 + ((TWO_UNITS >> (id)) & 1))
#define IS_BLACKLISTED(id) (BLACKLIST & BIT(id))

/* Times are ages: what the server's clock says less what it said then, counted as far as anybody looks. A clock that is behind
 * makes all things younger: hence ages do not begin at 0. */
#define BORN SKEW
#define IS_AGED(age, ticks) ((age) >= BORN + (ticks))

#define MAY_STEP_BACK (SKEW && restarts == 0)

/* A request may wait for less than REMEMBER; an id is remembered for longer than it waits by any server's clock. */
#define MEMORY (REMEMBER + (MUTATION == NO_MARGIN -> 0 : SKEW) - (MUTATION == FORGET_EARLY))

/* The states of a record; 0: there is none. OVER is cancelled, expired or refused: all the same to every script. */
mtype = { RESERVED, SOLD, OVER }
mtype = { DECIDED, REFUSED, QUEUED, LOST, NOT_ENQUEUED } /* answers */

typedef Place {
    byte epoch, n                                       /* n 0: none */
}

typedef Proof {
    byte units, epoch                                   /* fewer than these units were there then; units 0: there is none */
}

typedef Request {
    byte epoch, id, age                                 /* epoch 0: nothing */
}

typedef Shard {
    byte epoch, available, enqueued, decided;
    Request queue[PLACES + 1];                          /* by n; those after `decided` wait */
    mtype state[IDS];                                   /* the records, by id */
    byte age[IDS];                                      /* since they came into their state */
    byte last;                                          /* witness: the place that was decided last */
    byte granted;                                       /* witness: the ids that were granted */
    byte wanted                                         /* witness: the waiting places that saw too few units */
}

typedef Shopper {
    bool has_begun, is_lost, is_late;
    byte created;                                       /* age of his request */
    Place ticket;
    byte age                                            /* what the ticket says that it is */
}

Shard s;                                                /* what the server has */
Shard old;                                              /* what it may go back to, */
bool is_kept;                                           /* if there is something */
Shopper shoppers[IDS];
bool is_ended;                                          /* the sale */
byte restarts;
#ifdef FAIR
byte watched;                                           /* any id */
#endif

/* These hold nothing from one step to the next. */
hidden Shard nothing, spare;
hidden byte i, k, n, id, held, stops;
hidden mtype answer;

#define WAITS(n) (s.decided < (n) && (n) <= s.enqueued)
#define HOLDS(id) (s.state[id] == RESERVED || s.state[id] == SOLD)
#define IS_OVERDUE(id) (PROOFS && s.state[id] == RESERVED && IS_AGED(s.age[id], HOLD))
#define IS_STALE(id) (s.state[id] == OVER && IS_AGED(s.age[id], MEMORY))

#if IDS > 2
#define SUM(units, user) (units(0, user) + units(1, user) + units(2, user))
#else
#define SUM(units, user) (units(0, user) + units(1, user))
#endif
#define HELD(id, user) (HOLDS(id) && USER(id) == (user) -> QUANTITY(id) : 0)
#define OVERDUE(id, user) (IS_OVERDUE(id) -> QUANTITY(id) : 0)

/* The units that are there once somebody takes back what is overdue. */
#define REACH (s.available + SUM(OVERDUE, _))
#define HAS_LIMIT_FOR(id) (SUM(HELD, USER(id)) + QUANTITY(id) <= LIMIT)

/* ---- what scripts share -------------------------------------------------------------------------------------------------- */

/* After each step that takes units out of reach, or begins a wait. */
inline note_wants() {
    for (k : 1 .. PLACES) {
        if
        :: PROOFS && WAITS(k) && REACH < QUANTITY(s.queue[k].id) -> s.wanted = s.wanted | BIT(k)
        :: else
        fi
    }
}

inline accounted() {
    held = 0;
    for (k : 0 .. USERS - 1) {
        assert(SUM(HELD, k) <= LIMIT);
        held = held + SUM(HELD, k)
    }
    assert(s.available + held == UNITS)
}

inline put(the_id, new_state) {
    s.state[the_id] = new_state;
    s.age[the_id] = BORN
}

inline grant(the_id) {
    assert(!(s.granted & BIT(the_id)));
    s.granted = s.granted | BIT(the_id);
    s.available = s.available - QUANTITY(the_id);
    put(the_id, RESERVED);
    note_wants();
    accounted()
}

inline release(the_id) {
    s.available = s.available + QUANTITY(the_id);
    put(the_id, OVER);
    accounted()
}

/* ---- scripts that shoppers call ------------------------------------------------------------------------------------------ */

/* Whatever is forgotten of an id was over after its request was created: so of a request that is younger than REMEMBER nothing
 * is forgotten, whatever the server has lost. One whose place is lost, is_again, is taken also where a new one is too late. */
inline enqueue(the_id, is_again, age_of_it) {
    if
    :: s.state[the_id] != 0 && MUTATION != BLIND_ENQUEUE -> answer = DECIDED
    :: !is_again && (is_ended || IS_AGED(age_of_it, WINDOW + 1)) -> answer = NOT_ENQUEUED
    :: is_again && IS_AGED(age_of_it, REMEMBER) && MUTATION != AGAIN_AS_NEW -> answer = NOT_ENQUEUED
    :: else ->
        assert(s.state[the_id] == 0);
        assert(s.enqueued < PLACES);
        s.enqueued++;
        s.queue[s.enqueued].epoch = s.epoch;
        s.queue[s.enqueued].id = the_id;
        s.queue[s.enqueued].age =
            (age_of_it > BORN && MUTATION != (is_again -> AGAIN_AS_NEW : SINCE_ENQUEUED) -> age_of_it : BORN);
        note_wants();
        answer = QUEUED
    fi
}

#define TICKET shoppers[the_id].ticket
#define IS_AT(place, the_id) (WAITS(place.n) && s.queue[place.n].epoch == place.epoch && s.queue[place.n].id == the_id)

inline poll(the_id) {
    if
    :: s.state[the_id] != 0 && !(MUTATION == POLL_CURSOR_FIRST && TICKET.n <= s.decided) -> answer = DECIDED
    :: TICKET.n <= s.decided && (TICKET.epoch == s.epoch || MUTATION == POLL_ANY_EPOCH) ->
        answer = REFUSED;
        assert(s.state[the_id] == 0);
        assert(TICKET.n <= s.last);
        assert(!(s.granted & BIT(the_id)));
        for (k : 1 .. PLACES) {
            assert(!(WAITS(k) && s.queue[k].id == the_id) || LATE)
        }
    :: WAITS(TICKET.n) && (TICKET.epoch == s.epoch || IS_AT(TICKET, the_id) || MUTATION == POLL_BY_N) ->
        answer = QUEUED;
        assert(IS_AT(TICKET, the_id))
    :: else ->
        answer = LOST;
        assert(TICKET.epoch != s.epoch)
    fi
}

/* Where it refuses nothing changes. */
#define CAN_RESERVE(id) (s.state[id] == 0 && !is_ended && !IS_AGED(shoppers[id].created, WINDOW + 1) && HAS_LIMIT_FOR(id) && \
                         s.available >= QUANTITY(id))

inline reserve(the_id) {
    grant(the_id)
}

inline confirm(the_id) {
    put(the_id, SOLD);
    note_wants();
    accounted()
}

inline cancel(the_id) {
    release(the_id)
}

/* ---- scripts that workers call ------------------------------------------------------------------------------------------- */

inline expire(the_id) {
    release(the_id)
}

inline forget(the_id) {
    s.state[the_id] = 0;
    s.age[the_id] = 0
}

#define IS_PROVEN(quantity) (MUTATION == NO_PROOF || proof.units > 0 && quantity >= proof.units && \
                             (s.epoch == proof.epoch || MUTATION == PROOF_ANY_EPOCH))

/* Decides the request at n; or stops. */
inline decide() {
    id = s.queue[n].id;
    stops = 0;
    if
    :: s.state[id] != 0 && MUTATION != BLIND_PROCESS
    :: is_ended
    :: IS_AGED(s.queue[n].age, REMEMBER) && MUTATION != PROCESS_ANY_AGE
    :: verdicts & BIT(n) ->
        assert(IS_BLACKLISTED(id));
        put(id, OVER)
    :: !HAS_LIMIT_FOR(id)
    :: s.available >= QUANTITY(id) ->
        assert(!IS_BLACKLISTED(id));
        grant(id)
    :: !PROOFS
    :: IS_PROVEN(QUANTITY(id)) ->
        assert(s.wanted & BIT(n))
    :: else -> stops = 1
    fi;
    if
    :: !stops ->
        assert(n == s.last + 1);
        s.last = n
    :: else
    fi
}

/* The cursor to n, and what was there goes. */
inline move() {
    s.decided = n;
    s.queue[n].epoch = 0;
    s.queue[n].id = 0;
    s.queue[n].age = 0;
    s.wanted = s.wanted & ~BIT(n)
}

#define IS_FROM (s.queue[n].epoch == from.epoch && n == from.n || MUTATION == ANY_FROM)
#define IS_NOT_BEFORE_FROM (s.queue[n].epoch > from.epoch || s.queue[n].epoch == from.epoch && n >= from.n)
#define IS_WITHIN_TO (s.queue[n].epoch == to.epoch && n <= to.n || MUTATION == BEYOND_TO || \
                     MUTATION == TO_BY_ORDER && (s.queue[n].epoch < to.epoch || s.queue[n].epoch == to.epoch && n <= to.n))

/* Decides from `from` to `to`, which are of one epoch: n alone tells only within an epoch what stands between. */
inline process() {
    n = s.decided + 1;
    if
    :: n <= s.enqueued && IS_FROM ->
        do
        :: n <= s.enqueued && IS_WITHIN_TO ->
            decide();
            if
            :: stops -> break
            :: else
            fi;
            move();
            n++
        :: else -> break
        od
    :: else
    fi
}

#define IS_IN_HALVES (MUTATION == CURSOR_LATER || MUTATION == CURSOR_EARLIER)

#if MUTATION == CURSOR_LATER
inline first_half() {
    n = s.decided + 1;
    do
    :: n <= s.enqueued && IS_WITHIN_TO && (reached > 0 || IS_FROM) ->
        decide();
        if
        :: stops -> break
        :: else -> reached = n; n++
        fi
    :: else -> break
    od
}

inline second_half() {
    for (n : s.decided + 1 .. reached) { move() }
}
#elif MUTATION == CURSOR_EARLIER
inline first_half() {
    n = s.decided + 1;
    if
    :: n <= s.enqueued && IS_FROM -> reached = (to.n < s.enqueued -> to.n : s.enqueued); s.decided = reached
    :: else
    fi
}

inline second_half() {
    for (n : from.n .. reached) { decide() }
}
#endif

/* ---- who calls them ------------------------------------------------------------------------------------------------------ */

#define me shoppers[x]
#define HAS_TICKET (me.ticket.n > 0)

inline drop_ticket(the_id) {
    TICKET.epoch = 0;
    TICKET.n = 0;
    shoppers[the_id].age = 0;
    shoppers[the_id].is_lost = false
}

inline hear() {
    if
    :: answer == QUEUED ->
        me.ticket.epoch = s.epoch;
        me.ticket.n = s.enqueued;
        me.age = s.queue[s.enqueued].age;
        me.is_lost = false
    :: else -> drop_ticket(x)
    fi
}

proctype shopper(byte x) {
    d_step { me.has_begun = true; me.created = BORN }
end:
    do
    :: d_step { !HAS_TICKET && s.enqueued < ROOM -> enqueue(x, false, me.created); hear() }
    :: d_step { !HAS_TICKET && s.enqueued < ROOM -> enqueue(x, false, me.created) } /* its answer is lost */
    :: d_step { HAS_TICKET && !me.is_lost && !IS_AGED(me.age, REMEMBER) ->
        poll(x);
        if
        :: answer == LOST -> me.is_lost = true
        :: answer == QUEUED
        :: else -> drop_ticket(x)
        fi
    }
#ifdef FAIR
    :: d_step { me.is_lost && MUTATION != NEVER_AGAIN -> enqueue(x, true, me.age); assert(answer != NOT_ENQUEUED); hear() }
#else
    :: d_step { me.is_lost && s.enqueued < PLACES -> enqueue(x, true, me.age); hear() }
    :: d_step { me.is_lost && s.enqueued < PLACES -> enqueue(x, true, me.age); me.is_lost = false } /* its answer is lost */
#endif
    :: d_step { LATE && !HAS_TICKET && !me.is_late -> me.is_late = true }
    :: d_step { LATE && me.is_late && s.enqueued < ROOM -> enqueue(x, false, me.created); me.is_late = false }
    :: d_step { CAN_RESERVE(x) && !IS_BLACKLISTED(x) -> reserve(x) }
    :: d_step { s.state[x] == RESERVED -> cancel(x) }
    :: d_step { PROOFS && s.state[x] == RESERVED -> confirm(x) }
    od
}

inline drop_proof() {
    proof.units = 0;
    proof.epoch = 0
}

inline drop_range() {
    from.epoch = 0;
    from.n = 0;
    to.epoch = 0;
    to.n = 0;
    verdicts = 0;
    needs = 0;
    if
    :: MUTATION != OLD_PROOF -> drop_proof()
    :: else
    fi
}

/* Takes the first request that waits, or all of its epoch, and screens them. */
inline read(takes_all) {
    n = s.decided + 1;
    from.epoch = s.queue[n].epoch;
    from.n = n;
    needs = QUANTITY(s.queue[n].id);
    do
    :: verdicts = (IS_BLACKLISTED(s.queue[n].id) -> verdicts | BIT(n) : verdicts);
       if
       :: takes_all && n < s.enqueued && (s.queue[n + 1].epoch == from.epoch || MUTATION == TO_BY_ORDER) -> n++
       :: else -> break
       fi
    od;
    to.epoch = s.queue[n].epoch;
    to.n = n
}

/* Goes on with what it has screened and nobody has decided, if that comes next. */
inline go_on() {
    n = s.decided + 1;
    if
    :: n <= s.enqueued && IS_WITHIN_TO && (IS_NOT_BEFORE_FROM || MUTATION == GO_ON_ANYWHERE) ->
        from.epoch = s.queue[n].epoch;
        from.n = n;
        needs = QUANTITY(s.queue[n].id);
        drop_proof()
    :: else -> drop_range()
    fi
}

inline prove() {
    if
    :: REACH < needs && MUTATION != NEVER_PROVE ->
        proof.units = needs;
        proof.epoch = s.epoch
    :: else
    fi
}

proctype worker(byte x) {
    Place from, to;
    Proof proof;
    byte verdicts, needs;
#if IS_IN_HALVES
    byte reached;
#endif

end: /* where it reads */
    if
    :: d_step { s.decided < s.enqueued -> read(false) }
    :: d_step { s.decided + 1 < s.enqueued -> read(true) }
    fi;
calling:
    if
#if IS_IN_HALVES
    :: d_step { first_half() }
       d_step { second_half(); reached = 0; drop_range() }
       goto end
#else
    :: atomic {
        d_step { process(); go_on() }
        if
        :: from.n == 0 -> goto end
        :: else
        fi
    }
#endif
#ifdef FAIR
    :: x > 1 -> goto killed
#else
    :: d_step { drop_range() } -> goto end /* killed; another takes its place */
#endif
    fi;
    d_step { prove() }
    goto calling;
#ifdef FAIR
killed:
    skip
#endif
}

proctype upkeep() {
end:
    do
    :: d_step { IS_OVERDUE(0) -> expire(0) }
    :: d_step { IS_OVERDUE(1) -> expire(1) }
    :: d_step { IS_STALE(0) -> forget(0) }
    :: d_step { IS_STALE(1) -> forget(1) }
#if IDS > 2
    :: d_step { IS_OVERDUE(2) -> expire(2) }
    :: d_step { IS_STALE(2) -> forget(2) }
#endif
    :: ENDS && !is_ended -> is_ended = true
    od
}

inline copy(what, where) {
    where.epoch = what.epoch;
    where.available = what.available;
    where.enqueued = what.enqueued;
    where.decided = what.decided;
    where.last = what.last;
    where.granted = what.granted;
    where.wanted = what.wanted;
    for (k : 0 .. IDS - 1) {
        where.state[k] = what.state[k];
        where.age[k] = what.age[k]
    }
    for (k : 1 .. PLACES) {
        where.queue[k].epoch = what.queue[k].epoch;
        where.queue[k].id = what.queue[k].id;
        where.queue[k].age = what.queue[k].age
    }
}

/* Ages are counted to the last one that anybody tells from the next. */
inline grow_older(ticks, most) {
    ticks = (ticks < BORN + most + MAY_STEP_BACK * SKEW -> ticks + 1 : ticks)
}

inline grow_younger(ticks) {
    ticks = (ticks > 0 -> ticks - 1 : 0)
}

inline pass_time(shard) {
    for (i : 0 .. IDS - 1) {
        if
        :: shard.state[i] == RESERVED && PROOFS -> grow_older(shard.age[i], HOLD)
        :: shard.state[i] == OVER -> grow_older(shard.age[i], REMEMBER + SKEW)
        :: else
        fi
    }
    for (k : 1 .. PLACES) {
        if
        :: shard.queue[k].epoch != 0 -> grow_older(shard.queue[k].age, REMEMBER)
        :: else
        fi
    }
}

inline turn_back(shard) {
    for (i : 0 .. IDS - 1) { grow_younger(shard.age[i]) }
    for (k : 1 .. PLACES) { grow_younger(shard.queue[k].age) }
}

proctype clock() {
#ifdef FAIR
    byte ticks;
#endif

end:
    do
    :: d_step { /* a tick */
#ifdef FAIR
        ticks < TICKS -> ticks++;
#endif
        pass_time(s);
        pass_time(old);
        for (n : 0 .. IDS - 1) {
            if
            :: shoppers[n].has_begun -> grow_older(shoppers[n].created, WINDOW + 1)
            :: else
            fi;
            if
            :: shoppers[n].ticket.n > 0 -> grow_older(shoppers[n].age, REMEMBER)
            :: else
            fi;
            if
            :: IS_AGED(shoppers[n].age, REMEMBER) && !MAY_STEP_BACK && MUTATION != AGAIN_AS_NEW -> drop_ticket(n)
            :: else
            fi
        }
    }
    od
}

/* What its clock says is less than what the last server's said: all that it knows the time of is younger. */
inline step_back() {
    turn_back(s);
    turn_back(old);
    for (n : 0 .. IDS - 1) {
        grow_younger(shoppers[n].created);
        grow_younger(shoppers[n].age)
    }
}

inline lose_writes() {
    copy(old, s);
    copy(nothing, old);
    is_kept = false
}

/* So that what is lost now may come back, and what comes next be lost instead. */
inline exchange() {
    copy(s, spare);
    copy(old, s);
    copy(spare, old)
}

inline restart(number) {
    s.epoch = (MUTATION == SAME_EPOCH -> s.epoch : number);
    restarts++;
    if
    :: restarts == RESTARTS -> copy(nothing, old); is_kept = false
    :: else
    fi
}

proctype faults() {
end:
    do
    :: d_step { ROLLBACKS && !is_kept && restarts < RESTARTS -> copy(s, old); is_kept = true }
    :: d_step { restarts < RESTARTS -> restart(3 + restarts) }
    :: d_step { restarts < RESTARTS && is_kept -> lose_writes(); restart(3 + restarts) }
    :: d_step { restarts < RESTARTS - 1 && is_kept -> exchange(); restart(3 + restarts) }
    :: d_step { restarts == 1 && is_kept && old.epoch == 1 -> lose_writes(); restart(2) } /* it never saw epoch 3 */
    :: d_step { MAY_STEP_BACK -> step_back(); restart(3) }
    :: d_step { MAY_STEP_BACK && is_kept -> lose_writes(); step_back(); restart(3) }
    od
}

init {
    d_step {
        s.epoch = 1;
        s.available = UNITS
    }
    atomic {
#ifdef FAIR
        select(watched : 0 .. IDS - 1);
#endif
        run shopper(0);
        run shopper(1);
#if IDS > 2
        run shopper(2);
#endif
        run worker(1);
#if WORKERS > 1
        run worker(2);
#endif
        run upkeep();
#if TIME
        run clock();
#endif
#if RESTARTS
        run faults()
#endif
    }
}

#ifdef FAIR
#define is_waiting (shoppers[watched].ticket.n > 0)
ltl decided_at_last { [] (is_waiting -> <> !is_waiting) }
#endif
