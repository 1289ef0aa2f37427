/// A link with latency in front of a PostgreSQL server, for bench.py: `slow_link SERVER_PORT
/// MICROSECONDS_EACH_WAY` prints its port, and for each line it reads the round trips and client messages
/// since the last one. Ends with its input.

#include <chrono>
#include <cstdlib>
#include <iostream>
#include <string>

#include "support/tcp_proxy.h"

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: slow_link SERVER_PORT MICROSECONDS_EACH_WAY\n";
    return 2;
  }
  dbm::test::TcpProxy proxy(std::atoi(argv[1]));
  proxy.delay(std::chrono::microseconds{std::atoi(argv[2])});
  std::cout << proxy.port() << std::endl;
  for (std::string line; std::getline(std::cin, line);) {
    const auto traffic = proxy.traffic();
    proxy.reset_counts();
    std::cout << traffic.round_trips << ' ' << traffic.messages << std::endl;
  }
  return 0;
}
