#include "tools/init/init_questions.h"

#include <functional>
#include <istream>
#include <ostream>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace warp::tools {
namespace {

// Takes an answer, or says what is wrong with it.
using Taker = std::function<absl::Status(const std::string& answer)>;

class Questions {
 public:
  Questions(std::istream& in, std::ostream& out) : in_(in), out_(out) {}

  absl::Status Ask(absl::string_view question, const Taker& take) {
    while (true) {
      out_ << question << ": " << std::flush;
      std::string answer;
      if (!std::getline(in_, answer)) return absl::CancelledError("no answer");
      const absl::Status taken = take(std::string(absl::StripAsciiWhitespace(answer)));
      if (taken.ok()) return taken;
      out_ << "  " << taken.message() << "\n";
    }
  }

 private:
  std::istream& in_;
  std::ostream& out_;
};

absl::Status TakePorts(const std::string& answer, std::vector<InitPort>& ports) {
  if (answer.empty()) {
    return ports.empty() ? absl::InvalidArgumentError("at least one is needed") : absl::OkStatus();
  }
  std::vector<InitPort> said;
  for (absl::string_view word :
       absl::StrSplit(answer, absl::ByAnyChar(" \t,"), absl::SkipEmpty())) {
    absl::StatusOr<InitPort> port = ParseInitPort(word);
    if (!port.ok()) return port.status();
    said.push_back(*std::move(port));
  }
  ports = std::move(said);
  return absl::OkStatus();
}

Taker TakeKey(std::string& key) {
  return [&key](const std::string& answer) {
    key = answer;
    return answer.empty() ? absl::OkStatus() : CheckInitKey(answer);
  };
}

Taker TakeAddress(std::string& address) {
  return [&address](const std::string& answer) {
    if (answer.empty()) return absl::OkStatus();
    absl::StatusOr<std::string> whole = InitAddress(answer);
    if (whole.ok()) address = *std::move(whole);
    return whole.status();
  };
}

absl::Status AskForPeer(Questions& questions, std::vector<InitPeer>& peers) {
  InitPeer peer;
  absl::Status asked = questions.Ask("The public key of the other site (Enter: not known yet)",
                                     TakeKey(peer.public_key));
  if (!asked.ok() || peer.public_key.empty()) return asked;
  asked = questions.Ask("A name for that site", [&peer](const std::string& answer) {
    peer.name = answer;
    return CheckInitName(answer);
  });
  if (!asked.ok()) return asked;
  asked = questions.Ask("Its address (Enter: a map knows it, or it comes to us)",
                        TakeAddress(peer.endpoint));
  if (asked.ok()) peers.push_back(peer);
  return asked;
}

absl::Status AskForMap(Questions& questions, std::vector<InitMap>& maps) {
  InitMap map;
  absl::Status asked =
      questions.Ask("The address of a map (Enter: there is none)", TakeAddress(map.address));
  if (!asked.ok() || map.address.empty()) return asked;
  asked = questions.Ask("The map's public key", [&map](const std::string& answer) {
    map.public_key = answer;
    return CheckInitKey(answer);
  });
  if (asked.ok()) maps.push_back(map);
  return asked;
}

}  // namespace

absl::Status AskForInit(std::istream& in, std::ostream& out, InitConfig& config) {
  Questions questions(in, out);
  absl::Status asked;
  if (config.peers.empty()) asked = AskForPeer(questions, config.peers);
  if (!asked.ok() || config.peers.empty()) return asked;
  if (config.maps.empty()) asked = AskForMap(questions, config.maps);
  if (!asked.ok()) return asked;
  const std::string proposed = absl::StrJoin(
      config.ports, " ",
      [](std::string* text, const InitPort& port) { absl::StrAppend(text, port.interface); });
  return questions.Ask(
      absl::StrCat("Interfaces to send by (Enter: ", proposed.empty() ? "none is known" : proposed,
                   ")"),
      [&config](const std::string& answer) { return TakePorts(answer, config.ports); });
}

}  // namespace warp::tools
