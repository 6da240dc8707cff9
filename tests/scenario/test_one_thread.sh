#!/bin/bash
# No program of ours starts a thread of its own, so no data of ours is shared between threads.  What runs beside the
# loop is a library's: libzmq's I/O, czmq's zauth (the only actor we make), name look-ups of libuv and
# libcurl.  Of the libraries' calls that start a thread, our objects may name none but that one.
#   usage: test_one_thread.sh BIN-DIR
cd "$(dirname "$0")/../.." || exit 1
bin=${1:?usage: test_one_thread.sh BIN-DIR}
starts='^(pthread_create|thrd_create|clone|clone3|uv_thread_create|uv_thread_create_ex|uv_queue_work|zactor_new|zthread_.*|zmq_threadstart|getaddrinfo_a|aio_.*|lio_listio)$'
programs=("$bin"/enigma "$bin"/enigma-*) actors=0
for p in "${programs[@]}"; do
  found=$(nm -u "$p" | awk '{ sub(/@.*/, "", $NF); print $NF }' | grep -E "$starts")
  case $found in
    '') ;;
    zactor_new) actors=$((actors + 1)) ;;
    *) echo "FAILED: $p can start a thread: $found"; exit 1 ;;
  esac
done
[ "$actors" -gt 0 ] || { echo "FAILED: not one program names zactor_new: is this test looking at anything?"; exit 1; }
others=$(grep -rnE 'zactor_new *\(|SIGEV_THREAD' --include='*.c' --include='*.h' agents broker deploy libagent proto |
  grep -v 'zactor_new(zauth, NULL)')
[ -z "$others" ] || { echo "FAILED: an actor other than zauth, or a timer with a thread: $others"; exit 1; }
echo "${#programs[@]} programs, $actors of them with zauth's thread, none with one of ours"
