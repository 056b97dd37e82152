// What `warp top` shows at one moment, whoever asks the daemon meanwhile. It is made once and then only read.
#ifndef WARP_TOOLS_TOP_FRAME_H_
#define WARP_TOOLS_TOP_FRAME_H_

#include <string>
#include <vector>

#include "tools/watch/model/judgement.h"
#include "tools/watch/model/minute.h"
#include "tools/watch/model/sample.h"

namespace warp::tools {

struct Frame {
  bool known = false;  // false: the daemon does not answer, and `sample` is empty
  std::string time;    // of the day: "12:03:11"
  Sample sample;
  Judgement judgement;
  Series node{};
  std::vector<Series> paths;    // as the sample's
  std::vector<Series> tunnels;  // as the sample's
};

}  // namespace warp::tools

#endif  // WARP_TOOLS_TOP_FRAME_H_
