/* Before main: memory that is not needed any more goes back to the system at once, and not some time after. The option has no
   setting when mimalloc is compiled, and Rust could set it by unsafe code only. MIMALLOC_PURGE_DELAY=1000 takes it back. */

#include <mimalloc.h>

__attribute__((constructor)) static void tenfold_set_defaults(void) {
    mi_option_set_default(mi_option_purge_delay, 0);
}
