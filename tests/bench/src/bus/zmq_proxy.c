/* The proxy that ZeroMQ's guide recommends between many publishers and many subscribers. */
#include <stdio.h>
#include <zmq.h>

int main(int argc, char **argv) {
    if (argc < 3) return 2;
    void *context = zmq_ctx_new();
    void *in = zmq_socket(context, ZMQ_XSUB);
    void *out = zmq_socket(context, ZMQ_XPUB);
    int unlimited = 0;
    zmq_setsockopt(in, ZMQ_RCVHWM, &unlimited, sizeof unlimited);
    zmq_setsockopt(out, ZMQ_SNDHWM, &unlimited, sizeof unlimited);
    if (zmq_bind(in, argv[1]) || zmq_bind(out, argv[2])) return 1;
    puts("ready");
    fflush(stdout);
    return zmq_proxy(in, out, NULL);
}
