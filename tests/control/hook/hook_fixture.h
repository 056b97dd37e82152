// Hooks as an operator writes them: scripts in a directory of their own, run by the process that warpd forks.
#ifndef WARP_TESTS_CONTROL_HOOK_HOOK_FIXTURE_H_
#define WARP_TESTS_CONTROL_HOOK_HOOK_FIXTURE_H_

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <memory>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "control/hook/hook_process.h"
#include "control/hook/hooks.h"
#include "tests/control/config/temp_dir.h"

namespace warp::hook {

// Starts the process of hooks, and finds what is left of commands: they sleep for marker_ seconds.
class HookTest : public ::testing::Test {
 protected:
  HookTest() { Start(StartHookProcess()); }

  void Start(absl::StatusOr<os::UniqueFd> process) {
    // Hooks of root run as nobody, and write here.
    EXPECT_EQ(chmod(directory_.At("").c_str(), 0777), 0);
    EXPECT_TRUE(process.ok()) << process.status();
    if (process.ok()) {
      hooks_ = std::make_unique<Hooks>(*std::move(process), [this](const std::string& warning) {
        warnings_.push_back(warning);
      });
    }
  }

  // A script that writes into files whose names begin with $OUT.
  std::string Script(const std::string& name, const std::string& body) {
    const std::string path = directory_.At(name);
    std::ofstream(path) << "#!/bin/sh\nOUT=" << directory_.At(name) << "\n" << body << "\n";
    EXPECT_EQ(chmod(path.c_str(), 0755), 0);
    return path;
  }
  std::string Read(const std::string& name) {
    std::ifstream file(directory_.At(name));
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
  }
  // Nobody asserts how soon a command runs.
  static bool Until(const std::function<bool()>& happened) {
    for (int i = 0; i < 3000; ++i) {
      if (happened()) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return false;
  }
  bool Exists(const std::string& name) { return access(directory_.At(name).c_str(), F_OK) == 0; }
  // How many processes of this machine sleep so, whatever they have made of themselves.
  int Running() const {
    int count = 0;
    for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
      std::ifstream file(entry.path() / "cmdline");
      std::string text{std::istreambuf_iterator<char>(file), {}};
      if (absl::StrContains(text, absl::StrCat(marker_, std::string(1, '\0')))) ++count;
    }
    return count;
  }
  void Run(uint64_t number) {
    control::Event event{.kind = control::EventKind::kPathDown,
                         .peer = "hq",
                         .port = "lte",
                         .endpoint = "198.51.100.7:13116",
                         .reason = "no answer"};
    event.number = number;
    event.time = absl::FromUnixSeconds(0);
    hooks_->Run(event);
  }

  TempDir directory_;
  const std::string marker_ = absl::StrCat("1000.", getpid());
  std::unique_ptr<Hooks> hooks_;
  std::vector<std::string> warnings_;
};

}  // namespace warp::hook

#endif  // WARP_TESTS_CONTROL_HOOK_HOOK_FIXTURE_H_
