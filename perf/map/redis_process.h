// A redis-server of this bench's own, without a disk, for a map whose registrations are shared.
#ifndef WARP_PERF_MAP_REDIS_PROCESS_H_
#define WARP_PERF_MAP_REDIS_PROCESS_H_

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <string>

namespace warp::perf {

class RedisProcess {
 public:
  // Starts `program` on a free port of 127.0.0.1, without persistence. Exits with a sentence where that fails. It ends
  // with this process, even where that is killed, and leaves no file.
  explicit RedisProcess(const std::string& program);
  ~RedisProcess();
  RedisProcess(const RedisProcess&) = delete;
  RedisProcess& operator=(const RedisProcess&) = delete;

  uint16_t port() const { return port_; }
  // Bytes that it has allocated for what it holds, and seconds of CPU.
  size_t Memory() const;
  double CpuSeconds() const;

 private:
  uint16_t port_ = 0;
  pid_t pid_ = -1;
};

}  // namespace warp::perf

#endif  // WARP_PERF_MAP_REDIS_PROCESS_H_
