/* Durable topic over a lossy bus: publisher journal + live copy + heartbeat(last seq) + replay; consumer applies effect and cursor in one record.

   -DGONE adds what the code adds: the publisher may end for ever, and who still lacks something of it
   asks audit's archive, which is a consumer like the others that keeps the frames (libagent/agent_in.c).
   What the archive had not heard by then is gone with the publisher's disk.  Polls of a silent publisher
   that would fetch nothing are left out.  Flags that start with NAIVE are mistakes that the check must
   find (run.sh). */
#ifndef N
#define N 3
#endif
#define MAXC 2
byte plog = 0;            /* durable: records journalled 1..plog */
byte cur = 0;             /* durable at the consumer: cursor */
byte eff[4];              /* durable effects, index 1..N */
byte pc = 0, cc = 0;
byte arc = 0;             /* durable at audit: archived 1..arc */
bool gone = false;        /* the publisher will not come back */
#ifdef GONE
#define THERE (gone -> arc : N)   /* what can still be had */
#else
#define THERE N
#endif
chan live = [2] of { byte };   /* seq; may be dropped or repeated */
chan hb   = [1] of { byte };   /* last durable seq */
chan rq   = [1] of { byte };   /* replay from */
chan rp   = [2] of { byte };
active proctype Publisher() { byte f, i;
s: do
  :: plog < N -> plog++;                                   /* fdatasync, then send */
       if :: pc < MAXC -> pc++; goto s :: skip fi;
       if :: nfull(live) -> live!plog; if :: nfull(live) -> live!plog :: skip fi :: skip fi
  :: nfull(hb) -> hb!plog
  :: rq?f -> i = f; do :: i <= plog && nfull(rp) -> rp!i; i++ :: i <= plog -> i++ :: i > plog -> break od
  :: cur == N && plog == N -> break
#ifdef GONE
  :: atomic { !gone -> gone = true; break }
#endif
  od }
#ifdef GONE
active proctype Archive() { byte f, i;
end: do
  :: atomic { !gone && arc < plog -> arc++ }
#ifndef NAIVE_NO_ARCHIVE
  :: gone && nempty(rq) -> rq?f; i = f; do :: i <= arc && nfull(rp) -> rp!i; i++ :: i <= arc -> i++ :: i > arc -> break od
#endif
  od }
#endif
inline apply(q) { atomic { if :: q == cur + 1 -> eff[q]++; cur = q :: else fi } }
inline naive(q) { eff[q]++; if :: cc < MAXC -> cc++; goto c :: skip fi; cur = q }
active proctype Consumer() { byte q;
c: do
  :: live?q ->
#ifdef NAIVE_CURSOR_AFTER
       if :: q == cur + 1 -> naive(q) :: else fi
#else
       apply(q)
#endif
       ; if :: cc < MAXC -> cc++; goto c :: skip fi
  :: rp?q -> apply(q)
#ifndef NAIVE_NO_HEARTBEAT
  :: hb?q -> if :: q > cur -> if :: nfull(rq) -> rq!cur+1 :: full(rq) -> skip fi :: q <= cur -> skip fi
#endif
#ifdef GONE
  :: gone && cur < arc && nfull(rq) -> rq!cur+1         /* silent too long */
#endif
  :: cur == N -> break
#ifdef LIVE
  :: timeout -> assert(cur >= THERE); break          /* quiet network: everything must have arrived */
#endif
  od }
#ifndef LIVE
never { do :: eff[1] > 1 || eff[2] > 1 || eff[3] > 1 -> break :: else od }
#endif
