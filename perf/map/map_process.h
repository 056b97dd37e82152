// The real warp-map under measurement, in a process of its own.
#ifndef WARP_PERF_MAP_MAP_PROCESS_H_
#define WARP_PERF_MAP_MAP_PROCESS_H_

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <string>

#include "dataplane/wire/crypto/keys.h"
#include "dataplane/wire/endpoint.h"

namespace warp::perf {

class MapProcess {
 public:
  // Starts `program` on a free port of 127.0.0.1 with a new key, with a relay, and with room for so many registrations.
  // These live for an hour without a refresh, so that a machine may take its time to make a million. `redis`: the port
  // on 127.0.0.1 of the redis-server that has them, too; 0: none. Exits with a sentence where that
  // fails. The map ends with this process, even where that is killed, and leaves no file.
  MapProcess(const std::string& program, size_t max_registrations, uint16_t redis);
  ~MapProcess();
  MapProcess(const MapProcess&) = delete;
  MapProcess& operator=(const MapProcess&) = delete;

  const wire::PublicKey& key() const { return key_; }
  const wire::Endpoint& endpoint() const { return endpoint_; }

  // Bytes that are resident, and seconds of CPU, the kernel's for it included.
  size_t Resident() const;
  double CpuSeconds() const;

 private:
  std::string directory_;
  pid_t pid_ = -1;
  wire::PublicKey key_;
  wire::Endpoint endpoint_;
};

}  // namespace warp::perf

#endif  // WARP_PERF_MAP_MAP_PROCESS_H_
