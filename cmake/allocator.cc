// Of our programs, where jemalloc is their allocator: what its threads keep for themselves.

extern "C" {

// A thread that performs calls may be one of a thousand. By default each keeps up to 200 pieces of
// each size for its next allocations, and what it has kept once it keeps while it waits: with 1,000
// streams (bench, streams) that is 90 MiB. jemalloc reads this name; MALLOC_CONF goes before it.
extern char const* malloc_conf;
char const* malloc_conf = "tcache_nslots_small_max:16,tcache_max:4096";
}
