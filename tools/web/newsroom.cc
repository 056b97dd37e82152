#include "tools/web/newsroom.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tools/watch/model/judgement.h"
#include "tools/web/view_json.h"

namespace warp::tools {
namespace {

// JSON has no line feed, which would end the data.
std::string Event(absl::string_view name, absl::string_view json) {
  return absl::StrCat("event: ", name, "\ndata: ", json, "\n\n");
}

std::shared_ptr<const std::string> Share(std::string text) {
  return std::make_shared<const std::string>(std::move(text));
}

}  // namespace

class Newsroom::Subscription : public HttpStream {
 public:
  explicit Subscription(const Newsroom& room) : room_(room) {}

  Text Next() override {
    const std::lock_guard lock(room_.mutex_);
    if (room_.number_ == seen_) return nullptr;
    const bool follows = seen_ > 0 && room_.number_ == seen_ + 1;
    seen_ = room_.number_;
    return follows ? room_.step_ : room_.whole_;
  }

 private:
  const Newsroom& room_;
  uint64_t seen_ = 0;  // the view that was sent last; 0: none yet
};

void Newsroom::Take(double now_s, const absl::StatusOr<std::string>& status,
                    const absl::StatusOr<std::string>& tunnels) {
  const absl::StatusOr<Sample> sample =
      status.ok() ? ReadSample(*status) : absl::StatusOr<Sample>(status.status());
  std::vector<TunnelPaths> paths;
  std::vector<LinkName> links;
  if (sample.ok()) {
    minute_.Add(now_s, *sample);
    if (tunnels.ok()) paths = ReadTunnelPaths(*tunnels);
    for (const LinkSample& link : sample->links) {
      links.push_back({.name = link.name, .pattern = link.pattern});
    }
  } else {
    minute_.AddNothing(now_s);
  }
  const Judgement judgement =
      sample.ok() ? Judge(*sample) : JudgeNothing(sample.status().message());
  const auto passed =
      static_cast<size_t>(std::clamp(std::floor(now_s) - std::floor(last_s_), 0.0, 60.0));
  last_s_ = now_s;
  const View view{.sample = sample.ok() ? &*sample : nullptr,
                  .minute = &minute_,
                  .judgement = &judgement,
                  .tunnel_paths = &paths,
                  .number = number_ + 1};
  const std::string whole = ViewJson(view, kSeconds);
  const Text whole_event = Share(Event("view", whole));
  // Where nothing was known before, there is nothing to add to.
  const bool follows = std::exchange(known_, sample.ok()) || !sample.ok();
  const Text step_event = follows ? Share(Event("step", ViewJson(view, passed))) : whole_event;
  const Text text = Share(absl::StrCat(whole, "\n"));

  const std::lock_guard lock(mutex_);
  ++number_;
  view_ = text;
  whole_ = whole_event;
  step_ = step_event;
  links_ = std::move(links);
  tunnels_ = std::move(paths);
}

std::shared_ptr<const std::string> Newsroom::view() const {
  const std::lock_guard lock(mutex_);
  return view_;
}

std::unique_ptr<HttpStream> Newsroom::Subscribe() const {
  return std::make_unique<Subscription>(*this);
}

std::vector<LinkName> Newsroom::links() const {
  const std::lock_guard lock(mutex_);
  return links_;
}

std::vector<TunnelPaths> Newsroom::tunnels() const {
  const std::lock_guard lock(mutex_);
  return tunnels_;
}

}  // namespace warp::tools
