// Initialises libsodium, as every program does first, and runs the tests.
#include <gtest/gtest.h>

#include "dataplane/wire/crypto/keys.h"

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  return warp::wire::InitCrypto().ok() ? RUN_ALL_TESTS() : 1;
}
