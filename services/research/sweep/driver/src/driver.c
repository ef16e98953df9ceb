/* CUDA's driver library as a jump table: libcuda.so.1 is opened by cuInit, never when the program starts.
 *
 * Every function of cust_raw stands in functions.def. Before cuInit each answers as the real ones do then (3, not
 * initialised); afterwards each jumps to the driver's, or, without a driver, answers 100 (no device). The jump leaves
 * all registers and the stack as they are, so that no signature has to be known here.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <stddef.h>

enum { SUCCESS = 0, NOT_INITIALIZED = 3, NO_DEVICE = 100, NOT_FOUND = 500 };

static int not_initialized(void) { return NOT_INITIALIZED; }
static int no_device(void) { return NO_DEVICE; }
static int not_found(void) { return NOT_FOUND; }

/* For cuGetErrorString and cuGetErrorName, whose callers don't expect them to fail. */
static int no_text(int error, const char **text) {
    (void)error;
    *text = "no CUDA driver";
    return SUCCESS;
}

/* Where each function jumps to. */
#define FUNCTION(name) __attribute__((visibility("hidden"))) void *mesh_slot_##name = (void *)not_initialized;
#include "functions.def"
#undef FUNCTION

#if defined(__x86_64__)
#define JUMP(name) "\tjmp *mesh_slot_" #name "(%rip)\n"
#elif defined(__aarch64__)
#define JUMP(name) \
    "\tadrp x16, mesh_slot_" #name "\n" \
    "\tldr x16, [x16, :lo12:mesh_slot_" #name "]\n" \
    "\tbr x16\n"
#else
#error "expected x86_64 or aarch64"
#endif

#define FUNCTION(name) \
    __asm__(".pushsection .text." #name ",\"ax\",%progbits\n" \
            "\t.p2align 4\n" \
            "\t.globl " #name "\n" \
            "\t.type " #name ", %function\n" \
            #name ":\n" \
            JUMP(name) \
            "\t.size " #name ", . - " #name "\n" \
            ".popsection\n");
#include "functions.def"
#undef FUNCTION

static const struct {
    const char *name;
    void **slot;
} functions[] = {
#define FUNCTION(name) {#name, &mesh_slot_##name},
#include "functions.def"
#undef FUNCTION
};

/* The second is where containers get the host's driver; the dynamic linker often does not know it. */
static const char *const places[] = {"libcuda.so.1", "/usr/local/nvidia/lib64/libcuda.so.1"};

static pthread_once_t opened = PTHREAD_ONCE_INIT;
static int (*driver_init)(unsigned int);

static void open_driver(void) {
    void *driver = NULL;
    for (size_t i = 0; !driver && i < sizeof places / sizeof *places; i++) {
        driver = dlopen(places[i], RTLD_NOW | RTLD_LOCAL);
    }
    driver_init = driver ? (int (*)(unsigned int))dlsym(driver, "cuInit") : NULL;
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
        void *target = (void *)no_device;
        if (driver_init) {
            target = dlsym(driver, functions[i].name);
            target = target ? target : (void *)not_found;
        }
        __atomic_store_n(functions[i].slot, target, __ATOMIC_RELEASE);
    }
    if (!driver_init) {
        __atomic_store_n(&mesh_slot_cuGetErrorString, (void *)no_text, __ATOMIC_RELEASE);
        __atomic_store_n(&mesh_slot_cuGetErrorName, (void *)no_text, __ATOMIC_RELEASE);
    }
}

int cuInit(unsigned int flags) {
    pthread_once(&opened, open_driver);
    return driver_init ? driver_init(flags) : NO_DEVICE;
}
