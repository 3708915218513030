/*
 * Load for a relay of RTP: many calls at 50 packets a second and direction, evenly paced, and the sink of
 * what comes out. Checks each packet's length, call and source; measures delay from send to the kernel's
 * receive time stamp (SO_TIMESTAMPNS) and the CPU of the relay's processes over the window.
 *
 *   rtpgen MAP CALLS WARM_S MEASURE_S PEER_A PEER_B PORT PID[,PID...]
 *
 * Line i of MAP: "addressA portA addressB portB", the relay's two ends of call i. The generator is peer A
 * and peer B at once: it sends from PEER_A:PORT to A's end and expects it at PEER_B:PORT from B's end, and
 * the other way round. Prints one JSON object. Linux only. MIT, as the rest of the project.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CALLS_MAX = 20000, PACKET_BYTES = 172, BATCH = 32, READ_BATCH = 64, PACKETS_PER_S = 50, BIN_NS = 2000, BINS = 1000000, PIDS_MAX = 16 };

struct flow {
  uint32_t call;
  int from_b;
  uint16_t sequence;
};

static struct sockaddr_in relay_end[2][CALLS_MAX];
static struct flow flows[2 * CALLS_MAX];
static uint32_t delays[BINS];
static int sockets[2];
static int calls, measuring;
static uint64_t received, strange;
static int pids[PIDS_MAX], pid_count;

static uint64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_REALTIME, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void die(const char *what) {
  perror(what);
  exit(1);
}

/* User and system time of all threads, seconds. */
static double cpu_seconds(void) {
  double sum = 0;
  for (int i = 0; i < pid_count; i++) {
    char path[64], text[1024];
    snprintf(path, sizeof path, "/proc/%d/stat", pids[i]);
    FILE *file = fopen(path, "r");
    if (!file) die(path);
    size_t n = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[n] = 0;
    unsigned long user = 0, system = 0;
    char *rest = strrchr(text, ')');
    if (!rest || sscanf(rest + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system) != 2) die("stat");
    sum += (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
  }
  return sum;
}

static int open_peer(const char *address, int port) {
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0), one = 1, bytes = 32 << 20;
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  if (fd < 0 || inet_pton(AF_INET, address, &at.sin_addr) != 1) die(address);
  /* The forced form needs root; without it the plain one does what it may. */
  if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes)) setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
  if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof bytes)) setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
  if (setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &one, sizeof one)) die("SO_TIMESTAMPNS");
  if (bind(fd, (struct sockaddr *)&at, sizeof at)) die(address);
  return fd;
}

static void read_map(const char *path) {
  FILE *file = fopen(path, "r");
  if (!file) die(path);
  for (int i = 0; i < calls; i++) {
    char address[2][48];
    int port[2];
    if (fscanf(file, "%47s %d %47s %d", address[0], &port[0], address[1], &port[1]) != 4) {
      fprintf(stderr, "%s has only %d calls\n", path, i);
      exit(1);
    }
    for (int end = 0; end < 2; end++) {
      relay_end[end][i].sin_family = AF_INET;
      relay_end[end][i].sin_port = htons((uint16_t)port[end]);
      if (inet_pton(AF_INET, address[end], &relay_end[end][i].sin_addr) != 1) die(address[end]);
    }
  }
  fclose(file);
}

/* Reads what waits at one peer. Returns the number of packets. */
static int drain(int at_b) {
  static uint8_t bytes[READ_BATCH][256], control[READ_BATCH][128];
  static struct sockaddr_in source[READ_BATCH];
  static struct iovec parts[READ_BATCH];
  static struct mmsghdr messages[READ_BATCH];
  for (int i = 0; i < READ_BATCH; i++) {
    parts[i] = (struct iovec){bytes[i], sizeof bytes[i]};
    messages[i].msg_hdr = (struct msghdr){.msg_name = &source[i], .msg_namelen = sizeof source[i], .msg_iov = &parts[i], .msg_iovlen = 1, .msg_control = control[i], .msg_controllen = sizeof control[i]};
  }
  int n = recvmmsg(sockets[at_b], messages, READ_BATCH, MSG_DONTWAIT, NULL);
  for (int i = 0; i < n; i++) {
    uint32_t mark;
    uint64_t sent_ns;
    memcpy(&mark, bytes[i] + 8, 4);
    memcpy(&sent_ns, bytes[i] + 12, 8);
    uint32_t call = ntohl(mark) >> 1;
    int from_b = (int)(ntohl(mark) & 1);
    if (messages[i].msg_len != PACKET_BYTES || call >= (uint32_t)calls || from_b == at_b || source[i].sin_port != relay_end[at_b][call].sin_port || source[i].sin_addr.s_addr != relay_end[at_b][call].sin_addr.s_addr) {
      strange++;
      continue;
    }
    /* Packets of the warm-up carry no time. */
    if (!measuring || sent_ns == 0) continue;
    received++;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&messages[i].msg_hdr); c; c = CMSG_NXTHDR(&messages[i].msg_hdr, c)) {
      if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_TIMESTAMPNS) continue;
      struct timespec stamp;
      memcpy(&stamp, CMSG_DATA(c), sizeof stamp);
      int64_t delay = (int64_t)((uint64_t)stamp.tv_sec * 1000000000u + (uint64_t)stamp.tv_nsec - sent_ns);
      int64_t bin = delay < 0 ? 0 : delay / BIN_NS;
      delays[bin < BINS ? bin : BINS - 1]++;
    }
  }
  return n > 0 ? n : 0;
}

/* Sends `count` packets from flow number `next` on. Returns how many the kernel took. */
static int send_some(uint64_t next, int count) {
  static uint8_t bytes[2][BATCH][PACKET_BYTES];
  static struct iovec parts[2][BATCH];
  static struct mmsghdr messages[2][BATCH];
  int used[2] = {0, 0}, sent = 0;
  for (int i = 0; i < count; i++) {
    struct flow *flow = &flows[(next + (uint64_t)i) % (uint64_t)(2 * calls)];
    int from = flow->from_b, at = used[from]++;
    uint8_t *p = bytes[from][at];
    uint16_t sequence = htons(flow->sequence);
    uint32_t timestamp = htonl((uint32_t)flow->sequence * 160u), mark = htonl(flow->call << 1 | (uint32_t)from);
    flow->sequence++;
    p[0] = 0x80;
    p[1] = 0;
    memcpy(p + 2, &sequence, 2);
    memcpy(p + 4, &timestamp, 4);
    memcpy(p + 8, &mark, 4);
    uint64_t stamp = measuring ? now_ns() : 0;
    memcpy(p + 12, &stamp, 8);
    parts[from][at] = (struct iovec){p, PACKET_BYTES};
    messages[from][at].msg_hdr = (struct msghdr){.msg_name = &relay_end[from][flow->call], .msg_namelen = sizeof(struct sockaddr_in), .msg_iov = &parts[from][at], .msg_iovlen = 1};
  }
  for (int from = 0; from < 2; from++) {
    int n = used[from] ? sendmmsg(sockets[from], messages[from], (unsigned)used[from], 0) : 0;
    if (n > 0) sent += n;
  }
  return sent;
}

/* Runs the load for so long. Returns packets that the kernel took. */
static uint64_t run(double seconds, uint64_t *position, uint64_t *latest) {
  uint64_t start = now_ns(), end = start + (uint64_t)(seconds * 1e9), done = 0, sent = 0;
  double per_ns = 2.0 * calls * PACKETS_PER_S / 1e9;
  for (uint64_t t = start; t < end; t = now_ns()) {
    uint64_t due = (uint64_t)((double)(t - start) * per_ns);
    if (due > done) {
      if (due - done > *latest) *latest = due - done;
      int count = due - done > BATCH ? BATCH : (int)(due - done);
      sent += (uint64_t)send_some(*position, count);
      *position += (uint64_t)count;
      done += (uint64_t)count;
    }
    drain(0);
    drain(1);
  }
  return sent;
}

static double percentile_us(double share) {
  uint64_t total = 0, sum = 0;
  for (int i = 0; i < BINS; i++) total += delays[i];
  for (int i = 0; i < BINS; i++)
    if ((sum += delays[i]) >= share * (double)total && total > 0) return i * BIN_NS / 1000.0;
  return -1;
}

int main(int argc, char **argv) {
  if (argc != 9) {
    fprintf(stderr, "usage: %s MAP CALLS WARM_S MEASURE_S PEER_A PEER_B PORT PID[,PID...]\n", argv[0]);
    return 2;
  }
  calls = atoi(argv[2]);
  if (calls < 1 || calls > CALLS_MAX) return 2;
  for (char *pid = strtok(argv[8], ","); pid && pid_count < PIDS_MAX; pid = strtok(NULL, ",")) pids[pid_count++] = atoi(pid);
  read_map(argv[1]);
  for (int end = 0; end < 2; end++) sockets[end] = open_peer(argv[5 + end], atoi(argv[7]));
  /* Flows in a fixed random order, so that neighbouring packets belong to unrelated calls. */
  for (int i = 0; i < 2 * calls; i++) flows[i] = (struct flow){.call = (uint32_t)i >> 1, .from_b = i & 1, .sequence = (uint16_t)i};
  srand(11);
  for (int i = 2 * calls - 1; i > 0; i--) {
    int j = rand() % (i + 1);
    struct flow kept = flows[i];
    flows[i] = flows[j];
    flows[j] = kept;
  }
  uint64_t position = 0, latest = 0;
  run(atof(argv[3]), &position, &latest);
  /* What the warm-up left on its way. */
  for (uint64_t until = now_ns() + 30000000u; now_ns() < until;) drain(0), drain(1);
  measuring = 1;
  strange = latest = 0;
  double cpu_before = cpu_seconds();
  uint64_t started = now_ns(), sent = run(atof(argv[4]), &position, &latest), ended = now_ns();
  double cpu = cpu_seconds() - cpu_before;
  for (uint64_t until = now_ns() + 50000000u; now_ns() < until;) drain(0), drain(1);
  printf("{\"calls\":%d,\"seconds\":%.3f,\"sent\":%" PRIu64 ",\"received\":%" PRIu64 ",\"strange\":%" PRIu64 ",\"behindMax\":%" PRIu64 ",\"cpuSeconds\":%.3f,\"p50Us\":%.1f,\"p99Us\":%.1f,\"p999Us\":%.1f}\n",
         calls, (double)(ended - started) / 1e9, sent, received, strange, latest, cpu, percentile_us(0.5), percentile_us(0.99), percentile_us(0.999));
  return 0;
}
