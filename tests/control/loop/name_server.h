// A name server on loopback, on a thread of its own. It knows the names that it was given; it never answers for *.dead,
// and says of all others that there is no such name.
#ifndef WARP_TESTS_CONTROL_LOOP_NAME_SERVER_H_
#define WARP_TESTS_CONTROL_LOOP_NAME_SERVER_H_

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <fstream>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "control/loop/names/dns_client.h"

namespace warp::control {

class NameServer {
 public:
  // `address`: where it listens, and what resolv.conf names.
  explicit NameServer(const char* address = "127.0.0.1") {
    socket_ = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    sockaddr_in local{};
    local.sin_family = AF_INET;
    inet_pton(AF_INET, address, &local.sin_addr);
    socklen_t size = sizeof(local);
    EXPECT_EQ(bind(socket_, reinterpret_cast<sockaddr*>(&local), size), 0);
    EXPECT_EQ(getsockname(socket_, reinterpret_cast<sockaddr*>(&local), &size), 0);
    port_ = ntohs(local.sin_port);
    stop_ = eventfd(0, EFD_CLOEXEC);
    resolv_conf_ = ::testing::TempDir() + "resolv.conf." + std::to_string(getpid()) + "." +
                   std::to_string(port_);
    std::ofstream(resolv_conf_) << "nameserver " << address << "\n";
    thread_ = std::thread([this] { Run(); });
  }
  ~NameServer() {
    eventfd_write(stop_, 1);
    thread_.join();
    close(socket_);
    close(stop_);
    unlink(resolv_conf_.c_str());
  }
  NameServer(const NameServer&) = delete;
  NameServer& operator=(const NameServer&) = delete;

  // Of a client that asks this server.
  DnsOptions Options() const {
    return {.resolv_conf = resolv_conf_,
            .port = port_,
            .timeout = std::chrono::milliseconds(250),
            .tries = 2};
  }

  void Set(const std::string& name, const char* address) { Set(name, Addresses{address}); }
  // Of both families.
  using Addresses = std::vector<std::string>;
  void Set(const std::string& name, Addresses addresses) {
    const std::lock_guard lock(mutex_);
    names_[name] = std::move(addresses);
  }
  // The next question for the name's IPv4 addresses, or for its service records, is answered so.
  void LieOnce(const std::string& name, Addresses addresses) {
    const std::lock_guard lock(mutex_);
    lies_[name] = std::move(addresses);
  }
  // Questions of this type (28: IPv6 addresses) for the name are not answered.
  void Swallow(const std::string& name, uint16_t type) {
    const std::lock_guard lock(mutex_);
    swallowed_.insert({name, type});
  }
  // The service records of the name: priority, weight, port and target of each.
  void SetServices(const std::string& name, std::vector<ServiceRecord> services) {
    const std::lock_guard lock(mutex_);
    services_[name] = std::move(services);
  }
  // The record of an answer whose question is the record's name.
  static void Append(const ServiceRecord& service, std::vector<uint8_t>& answer) {
    const uint8_t head[] = {0xc0, kHeader, 0, kTypeSrv, 0, 1, 0, 0, 0, 0};
    answer.insert(answer.end(), head, head + sizeof(head));
    std::vector<uint8_t> data;
    for (const uint16_t number : {service.priority, service.weight, service.port}) {
      data.push_back(static_cast<uint8_t>(number >> 8));
      data.push_back(static_cast<uint8_t>(number));
    }
    for (const absl::string_view label : absl::StrSplit(service.target, '.', absl::SkipEmpty())) {
      data.push_back(static_cast<uint8_t>(label.size()));
      data.insert(data.end(), label.begin(), label.end());
    }
    data.push_back(0);
    answer.push_back(static_cast<uint8_t>(data.size() >> 8));
    answer.push_back(static_cast<uint8_t>(data.size()));
    answer.insert(answer.end(), data.begin(), data.end());
  }
  // Every answer goes through this from now on.
  using Distortion = std::function<void(std::vector<uint8_t>&)>;
  void Distort(Distortion distortion) {
    const std::lock_guard lock(mutex_);
    distortion_ = std::move(distortion);
  }
  // How often the IPv4 address of the name was asked for, or the other one.
  int asked(const std::string& name) {
    const std::lock_guard lock(mutex_);
    return asked_[name];
  }
  int asked_v6(const std::string& name) {
    const std::lock_guard lock(mutex_);
    return asked_v6_[name];
  }
  // How often anything was asked of it.
  int questions(const std::string& name) {
    const std::lock_guard lock(mutex_);
    return questions_[name];
  }

 private:
  static constexpr size_t kHeader = 12;
  static constexpr uint16_t kTypeA = 1;
  static constexpr uint16_t kTypeAaaa = 28;
  static constexpr uint16_t kTypeSrv = 33;

  void Run() {
    pollfd fds[] = {{.fd = socket_, .events = POLLIN, .revents = 0},
                    {.fd = stop_, .events = POLLIN, .revents = 0}};
    while (poll(fds, 2, -1) > 0 && fds[1].revents == 0) {
      uint8_t query[512];
      sockaddr_storage from;
      socklen_t size = sizeof(from);
      const ssize_t got =
          recvfrom(socket_, query, sizeof(query), 0, reinterpret_cast<sockaddr*>(&from), &size);
      if (got <= static_cast<ssize_t>(kHeader)) continue;
      std::vector<uint8_t> answer = Answer({query, query + got});
      if (answer.empty()) continue;
      if (const std::lock_guard lock(mutex_); distortion_ != nullptr) distortion_(answer);
      (void)!sendto(socket_, answer.data(), answer.size(), 0, reinterpret_cast<sockaddr*>(&from),
                    size);
    }
  }

  // Empty: none.
  std::vector<uint8_t> Answer(std::vector<uint8_t> query) {
    std::string name;
    size_t at = kHeader;
    while (at < query.size() && query[at] != 0) {
      if (!name.empty()) name += '.';
      name.append(reinterpret_cast<const char*>(&query[at + 1]), query[at]);
      at += 1u + query[at];
    }
    at += 5;  // the end of the name, type and class
    if (at > query.size()) return {};
    const uint16_t type = static_cast<uint16_t>(query[at - 4] << 8 | query[at - 3]);
    const std::lock_guard lock(mutex_);
    ++questions_[name];
    if (type == kTypeA) ++asked_[name];
    if (type == kTypeAaaa) ++asked_v6_[name];
    if (absl::EndsWith(name, ".dead") || swallowed_.contains({name, type})) return {};
    query.resize(at);  // without what EDNS adds
    query[2] = 0x85;   // an authoritative answer
    std::memset(&query[6], 0, 6);
    if (const auto lie = lies_.find(name); lie != lies_.end() && type != kTypeAaaa) {
      return AddAddresses(std::move(query), lies_.extract(lie).mapped(), kTypeA);
    }
    if (const auto offered = services_.find(name); type == kTypeSrv && offered != services_.end()) {
      query[3] = 0x80;
      query[7] = static_cast<uint8_t>(offered->second.size());
      for (const ServiceRecord& service : offered->second) Append(service, query);
      return query;
    }
    const auto known = names_.find(name);
    if (known == names_.end()) return AddAddresses(std::move(query), {}, type);
    return AddAddresses(std::move(query), known->second, type);
  }

  // Those of the type's family. Where there are none at all, there is no such name.
  static std::vector<uint8_t> AddAddresses(std::vector<uint8_t> answer, const Addresses& addresses,
                                           uint16_t type) {
    answer[3] = static_cast<uint8_t>(0x80 | (addresses.empty() ? 3 : 0));
    for (const std::string& address : addresses) {
      const bool v6 = absl::StrContains(address, ':');
      if (type != (v6 ? kTypeAaaa : kTypeA)) continue;
      ++answer[7];
      const uint8_t size = v6 ? 16 : 4;
      const uint8_t record[] = {0xc0, kHeader, 0,   static_cast<uint8_t>(type), 0, 1, 0, 0, 0,
                                0,    0,       size};
      answer.insert(answer.end(), record, record + sizeof(record));
      uint8_t bytes[16];
      inet_pton(v6 ? AF_INET6 : AF_INET, address.c_str(), bytes);
      answer.insert(answer.end(), bytes, bytes + size);
    }
    return answer;
  }

  int socket_ = -1;
  int stop_ = -1;
  uint16_t port_ = 0;
  std::string resolv_conf_;
  std::mutex mutex_;
  std::map<std::string, Addresses> names_ = {{"good.example", {"192.0.2.7"}}};
  std::map<std::string, Addresses> lies_;
  std::set<std::pair<std::string, uint16_t>> swallowed_;
  std::map<std::string, std::vector<ServiceRecord>> services_;
  Distortion distortion_;
  std::map<std::string, int> asked_, asked_v6_;
  std::map<std::string, int> questions_;
  std::thread thread_;
};

}  // namespace warp::control

#endif  // WARP_TESTS_CONTROL_LOOP_NAME_SERVER_H_
