#include "dataplane/os/errno_status.h"

#include <cerrno>

#include "gtest/gtest.h"

namespace warp::os {
namespace {

TEST(ErrnoStatusTest, SaysWhatFailedAndWhy) {
  const absl::Status status = ErrnoStatus(EACCES, "cannot open ", "/dev/", 7);
  EXPECT_EQ(status.message(), "cannot open /dev/7: Permission denied");
  EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied);
}

TEST(ErrnoStatusTest, HasTheCodeOfTheError) {
  EXPECT_EQ(ErrnoStatus(EPERM, "x").code(), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(ErrnoStatus(ENOENT, "x").code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(ErrnoStatus(EMFILE, "x").code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(ErrnoStatus(EINVAL, "x").code(), absl::StatusCode::kInvalidArgument);
}

TEST(ErrnoStatusTest, TakesTheErrorOfTheCallThatFailed) {
  errno = ENOENT;
  EXPECT_EQ(ErrnoStatus(errno, "a").message(), "a: No such file or directory");
}

TEST(ErrnoStatusTest, HasATextForUnknownErrors) {
  EXPECT_EQ(ErrnoText(12345), "Unknown error 12345");
}

}  // namespace
}  // namespace warp::os
