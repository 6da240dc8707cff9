/* One risk approval -> at most one order; W = exchange clock in request-validity windows (5 s each).
   Durable: J, JSIGN (execution journal). Everything else in Execution is lost at a crash.

   Where the code is narrower: agents/execution never posts an entry twice.  What was not sent or is
   proven absent is DEAD at once (-DONCE), while the model without flags may send it again as long as
   the approval lives; that is more than the code does, and sound all the same.
   Flags that start with NAIVE, and SLOWBOOK, are mistakes that the check must find (run.sh). */
#ifdef DEDUP
#define DUPCHECK (accepted > 0)
#else
#define DUPCHECK (false)
#endif
#define NONE 0
#define INTENT 1
#define DONE 2
#define DEAD 3
#define LASTW 1                        /* approval usable while W <= LASTW */
#define MAXW 3
#ifndef MAXCRASH
#define MAXCRASH 3
#endif
byte J = NONE, JSIGN = 0, W = 0, crashes = 0, accepted = 0, posts = 0;
bool stop = false;
chan appr = [3] of { byte };           /* approvals on the bus: lost or repeated */
chan req  = [3] of { byte };           /* POSTs in flight; value = signing window */
chan gw   = [3] of { byte };           /* passed the gateway, not yet in the book */
chan rsp  = [2] of { byte };           /* 1 accepted, 2 refused; may belong to an older copy */
#define CRASH if :: crashes < MAXCRASH -> crashes++; goto start :: skip fi
active proctype Clock()    { do :: atomic { W < MAXW -> W++ } :: W == MAXW -> break od }
active proctype Operator() { if :: stop = true :: skip fi }
active proctype Risk()     { byte n = 0; do :: n < 3 -> n++; if :: appr!1 :: skip fi :: n == 3 -> break od }
active proctype Exchange() { byte s;
end: do
  :: atomic { req?s -> if
       :: s < W -> if :: nfull(rsp) -> rsp!2 :: skip fi                 /* validity window passed */
#ifdef SLOWBOOK
       :: s >= W -> gw!s                                               /* window checked at the gateway only */
#else
       :: s >= W && DUPCHECK -> if :: nfull(rsp) -> rsp!1 :: skip fi     /* known id: exchange says so */
       :: s >= W && !(DUPCHECK) -> accepted++; if :: nfull(rsp) -> rsp!1 :: skip fi
#endif
       fi }
  :: atomic { gw?s -> accepted++ }
  :: atomic { req?s -> skip }                                          /* lost */
  od }
active proctype Execution() { byte m, sg;
start:                                                                 /* crash-only: recovery = normal path */
  do
  :: J == INTENT ->
#ifdef NAIVE_NOTFOUND_IS_REJECT
     atomic { if :: accepted > 0 -> J = DONE :: else -> J = DEAD fi }
#else
     atomic { if                                                       /* query by client order id */
       :: accepted > 0 -> J = DONE
#ifdef ONCE
       :: accepted == 0 && W > JSIGN -> J = DEAD                       /* proven absent: never again */
#else
       :: accepted == 0 && W > JSIGN && W <= LASTW && !stop -> JSIGN = W; sg = W   /* proven absent: send again */
       :: accepted == 0 && W > JSIGN && (W > LASTW || stop) -> J = DEAD
#endif
       :: accepted == 0 && W <= JSIGN -> goto wait
       fi };
     if :: J == INTENT -> goto send :: else fi
#endif
  :: (J == NONE || J == DONE || J == DEAD) && nempty(appr) -> appr?m;
     if :: J != NONE -> goto start :: else fi;                         /* duplicate approval: no effect */
     CRASH;
     atomic { if :: W <= LASTW && !stop -> sg = W
#ifndef NAIVE_NOJOURNAL
                    ; J = INTENT; JSIGN = W                            /* durable before the send */
#endif
              :: else -> goto start fi };
     CRASH;
send: atomic { if :: !stop && nfull(req) -> posts++; req!sg :: stop || full(req) -> goto start fi };
     CRASH;
     if
     :: rsp?m -> if :: m == 1 -> J = DONE
#ifdef NAIVE_TRUST_REJECT
                    :: m == 2 -> J = DEAD
#else
                    :: m == 2 -> skip                                  /* settle by query */
#endif
                 fi
#ifdef NAIVE_TIMEOUT_IS_FAIL
     :: J = DEAD
#else
     :: skip                                                           /* timeout: outcome unknown */
#endif
     fi;
     goto start;
wait: W > JSIGN; goto start
#ifdef LIVE
  :: timeout -> assert(J != INTENT); break
#else
  :: timeout -> break
#endif
  od }
#ifndef LIVE
never { do :: accepted > 1 -> break :: J == DEAD && accepted > 0 -> break :: else od }
#endif
