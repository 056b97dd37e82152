#include "tools/machine/network.h"

#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <future>
#include <memory>
#include <thread>

#include "control/loop/names/dns_client.h"
#include "dataplane/os/errno_status.h"
#include "dataplane/os/socket_address.h"
#include "dataplane/os/unique_fd.h"

namespace warp::tools {
namespace {

using Clock = std::chrono::steady_clock;
using Addresses = absl::StatusOr<std::vector<wire::IpAddress>>;

Addresses AskResolver(const std::string& host) {
  addrinfo* list = nullptr;
  const addrinfo wanted = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_DGRAM};
  const int error = getaddrinfo(host.c_str(), nullptr, &wanted, &list);
  if (error != 0) return absl::NotFoundError(gai_strerror(error));
  std::vector<wire::IpAddress> addresses;
  for (const addrinfo* entry = list; entry != nullptr; entry = entry->ai_next) {
    if (entry->ai_addrlen > os::SocketAddress::capacity()) continue;
    os::SocketAddress address;
    std::memcpy(address.get(), entry->ai_addr, entry->ai_addrlen);
    if (const auto endpoint = address.ToEndpoint(); endpoint) {
      addresses.push_back(endpoint->address);
    }
  }
  freeaddrinfo(list);
  return addresses;
}

absl::Status Refusal(int error) {
  switch (error) {
    case ECONNREFUSED:
      return absl::NotFoundError(os::ErrnoText(error));
    case EPERM:
    case EACCES:
      return absl::PermissionDeniedError(os::ErrnoText(error));
    default:
      return absl::UnavailableError(os::ErrnoText(error));
  }
}

// A socket through which the datagram has left, and at which errors about it arrive.
absl::StatusOr<os::UniqueFd> Send(const Knock& knock) {
  const os::SocketAddress to(knock.to, if_nametoindex(knock.interface.c_str()));
  os::UniqueFd fd(socket(to.family(), SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return Refusal(errno);
  const int on = 1;
  if (to.family() == AF_INET6) {
    setsockopt(fd.get(), IPPROTO_IPV6, IPV6_RECVERR, &on, sizeof(on));
  } else {
    setsockopt(fd.get(), IPPROTO_IP, IP_RECVERR, &on, sizeof(on));
  }
  if (setsockopt(fd.get(), SOL_SOCKET, SO_BINDTODEVICE, knock.interface.c_str(),
                 static_cast<socklen_t>(knock.interface.size())) != 0 ||
      connect(fd.get(), to.get(), to.size()) != 0 || send(fd.get(), "", 0, 0) != 0) {
    return Refusal(errno);
  }
  return fd;
}

}  // namespace

Addresses ResolveHost(const std::string& host, std::chrono::milliseconds patience) {
  auto promise = std::make_shared<std::promise<Addresses>>();
  std::future<Addresses> answer = promise->get_future();
  std::thread([promise, host] { promise->set_value(AskResolver(host)); }).detach();
  if (answer.wait_for(patience) != std::future_status::ready) {
    return absl::DeadlineExceededError("no name server answers");
  }
  return answer.get();
}

absl::StatusOr<std::vector<ServicePlace>> ResolveServiceRecords(
    const std::string& name, std::chrono::milliseconds patience) {
  const absl::Status silence = absl::DeadlineExceededError("no name server answers");
  auto client = control::DnsClient::Start();
  if (!client.ok()) return client.status();
  (*client)->Ask({.host = name, .services = true});
  const Clock::time_point deadline = Clock::now() + patience;
  while (true) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
    pollfd ready{.fd = (*client)->fd(), .events = POLLIN, .revents = 0};
    if (left <= 0) return silence;
    if (poll(&ready, 1, static_cast<int>(left)) <= 0) continue;
    for (const control::DnsClient::Answer& answer : (*client)->TakeAnswers()) {
      if (!answer.found.ok()) return answer.found.status();
      std::vector<ServicePlace> places;  // sorted by their priorities
      for (const control::ServiceRecord& record : answer.found->services) {
        if (places.size() < control::kMostServices) places.push_back({record.target, record.port});
      }
      return places;
    }
  }
}

std::vector<absl::Status> KnockByUdp(const std::vector<Knock>& knocks,
                                     std::chrono::milliseconds patience) {
  std::vector<absl::Status> results(knocks.size());
  std::vector<os::UniqueFd> sockets(knocks.size());
  std::vector<pollfd> polled;
  for (size_t i = 0; i < knocks.size(); ++i) {
    absl::StatusOr<os::UniqueFd> sent = Send(knocks[i]);
    results[i] = sent.status();
    if (sent.ok()) sockets[i] = std::move(*sent);
    polled.push_back({.fd = sockets[i].get(), .events = 0});  // errors alone
  }
  const Clock::time_point deadline = Clock::now() + patience;
  const auto awaited = [&] {
    return std::any_of(polled.begin(), polled.end(), [](const pollfd& p) { return p.fd >= 0; });
  };
  while (awaited()) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
    if (left <= 0 ||
        (poll(polled.data(), polled.size(), static_cast<int>(left)) < 0 && errno != EINTR))
      break;
    for (size_t i = 0; i < polled.size(); ++i) {
      if (polled[i].fd < 0 || polled[i].revents == 0) continue;
      int error = 0;
      socklen_t size = sizeof(error);
      getsockopt(polled[i].fd, SOL_SOCKET, SO_ERROR, &error, &size);
      if (error != 0) results[i] = Refusal(error);
      polled[i].fd = -1;
    }
  }
  return results;
}

}  // namespace warp::tools
