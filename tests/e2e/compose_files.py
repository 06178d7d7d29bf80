#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""compose.awk: what it makes of a compose file that a client has resolved. Both shapes: of docker-compose 1.29, and of the
plugin of version 2. No engine, no client; every awk that is there has to say the same."""
import os
import re
import shutil
import subprocess
import sys
import textwrap
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from harness import SRCDIR, main  # noqa: E402

PROGRAM = (SRCDIR / "plugins" / "compose.awk").read_text()
AWKS = [words for words in (["mawk"], ["gawk"], ["original-awk"], ["busybox", "awk"], ["awk"]) if shutil.which(words[0])]
LABELS = ['labels:', '  ciplug.run: "abcd1234"', '  ciplug.owner: "boot.1.2"']

# As docker-compose 1.29 prints it.
ONE = """
networks:
  back:
    ipam:
      config:
      - subnet: 10.99.0.0/24
  ext:
    external: true
    name: ext
  fixed:
    name: everybodys
  front: {}
  far:
    driver: overlay
services:
  db:
    command:
    - sh
    - -c
    - 'echo ''labels:  x'';

      image: no

      '
    container_name: fixed_db
    environment:
      container_name: "5"
      image: x
    image: tiny:1
    labels:
      a.b: ''
    ports:
    - published: 8080
      target: 80
    - 127.0.0.1:9000:9000/tcp
    - target: 70
    - 81:81/tcp
    - protocol: udp
      published: 53
      target: 53
  plain:
    image: tiny:1
    labels: *id001
    profiles:
    - debug
  web:
    build:
      context: /x/sub dir
      dockerfile: Dockerfile.x
    depends_on:
      db:
        condition: service_healthy
    networks:
      back: null
version: '3.8'
volumes:
  data: {}
  other:
    driver: local
    labels:
      k: v
  shared:
    name: everybodys
"""

# As version 2 prints it.
TWO = """
name: ciabcd1234w1
services:
  db:
    command:
      - sh
      - -c
      - |
        labels: x
        image: no
    image: tiny:1
    networks:
      default: null
    ports:
      - mode: ingress
        target: 80
        published: "8080"
        protocol: tcp
      - mode: ingress
        host_ip: 127.0.0.1
        target: 81
        protocol: tcp
  Web:
    build:
      context: /x/web
      dockerfile: Dockerfile
    labels: {}
    network_mode: host
networks:
  default:
    name: ciabcd1234w1_default
    ipam: {}
  front:
    name: ciabcd1234w1_front
    driver: bridge
volumes:
  data:
    name: ciabcd1234w1_data
x-other:
  services:
    no:
      build: no
"""


def rewrite(text, mode="write", awk=None, **variables):
    """(lines, status, errors)"""
    values = {"mode": mode, "run": "abcd1234", "owner": "boot.1.2", "images": "ciplug-x-00ff", "project": "ciabcd1234w1",
              "isolate": "no", "pool": "10.213.0.0/16", "size": 26, "try": 0, "own": "", "used": "172.17.0.0/16",
              "services": "", "profiles": "", **variables}
    words = [word for name, value in values.items() for word in ("-v", f"{name}={value}")]
    ended = subprocess.run([*(awk or AWKS[0]), *words, PROGRAM], input=textwrap.dedent(text).lstrip("\n"), text=True,
                           capture_output=True, check=False)
    return ended.stdout.splitlines(), ended.returncode, ended.stderr


def block(lines, *path):
    """What stands below this path of names, without the indentation of the block."""
    depth = 0
    for name in path:
        start = next(i for i, line in enumerate(lines) if re.fullmatch(rf" {{{depth}}}{re.escape(name)}:.*", line))
        end = next((i for i, line in enumerate(lines[start + 1:], start + 1)
                    if line.strip() and len(line) - len(line.lstrip()) <= depth and not line.startswith(" " * depth + "- ")),
                   len(lines))
        lines, depth = lines[start + 1:end], depth + 2
    return [line[depth:] for line in lines]


class Files(unittest.TestCase):
    maxDiff = None

    def made(self, text, **variables):
        lines, status, errors = rewrite(text, **variables)
        self.assertEqual((status, errors), (0, ""))
        return lines

    def test_every_awk_says_the_same(self):
        self.assertTrue(AWKS)
        for text in ONE, TWO:
            for mode in "write", "check", "images":
                for isolate in "yes", "no":
                    first = rewrite(text, mode, isolate=isolate)
                    self.assertEqual(first[1:], (0, ""))
                    for awk in AWKS[1:]:
                        self.assertEqual(rewrite(text, mode, awk, isolate=isolate), first, awk)

    def test_labels_and_images_and_nothing_else(self):
        lines = self.made(ONE, pool="none")
        without = [line for line in lines if "ciplug." not in line]
        added = [line for line in without if line not in ONE.splitlines()]
        self.assertEqual(added, ['  front:', '  default:', '      <<: *id001', '    image: "ciplug-x-00ff_web"', '  data:'])
        self.assertEqual(block(lines, "services", "db", "labels"), [LABELS[1][2:], LABELS[2][2:], "a.b: ''"])
        self.assertEqual(block(lines, "services", "web")[:3], LABELS)
        self.assertEqual(block(lines, "services", "plain", "labels"), ["<<: *id001", LABELS[1][2:], LABELS[2][2:]])
        self.assertEqual(block(lines, "volumes", "data"), LABELS)
        self.assertEqual(block(lines, "volumes", "other", "labels"), [LABELS[1][2:], LABELS[2][2:], "k: v"])
        self.assertEqual(block(lines, "networks", "ext"), ["external: true", "name: ext"])
        self.assertEqual(block(lines, "networks", "default"), LABELS)
        self.assertEqual(block(lines, "services", "db", "ports"), block(ONE.splitlines(), "services", "db", "ports"))
        self.assertEqual(block(lines, "services", "db", "command"), block(ONE.splitlines(), "services", "db", "command"))

    def test_version_2(self):
        lines = self.made(TWO)
        self.assertEqual(block(lines, "services", "Web")[-7:], [
            'build:', '  context: /x/web', '  dockerfile: Dockerfile', *LABELS, 'network_mode: host'])
        self.assertIn('image: "ciplug-x-00ff_web"', block(lines, "services", "Web"))
        self.assertEqual(block(lines, "x-other"), ["services:", "  no:", "    build: no"])
        self.assertEqual(len([line for line in lines if line == "  default:"]), 1)
        self.assertEqual(block(lines, "networks", "default")[:2], ["ipam:", "  config:"])
        self.assertNotIn("ipam: {}", block(lines, "networks", "default"))
        self.assertEqual(self.made(TWO, mode="check"), [
            "service db takes port 8080 of the host", "service Web uses the network of the host"])
        self.assertEqual(block(self.made(TWO, isolate="yes"), "services", "db", "ports"), [
            "- mode: ingress", "  target: 80", "  protocol: tcp",
            "- mode: ingress", "  host_ip: 127.0.0.1", "  target: 81", "  protocol: tcp"])

    def test_isolation(self):
        lines = self.made(ONE, isolate="yes")
        db = block(lines, "services", "db")
        self.assertIn('container_name: "ciabcd1234w1-fixed_db"', db)
        self.assertEqual(block(lines, "services", "db", "environment"), ['container_name: "5"', "image: x"])
        self.assertEqual(block(lines, "services", "db", "ports"), [
            "target: 80", '"127.0.0.1::9000/tcp"', "target: 70", '"81/tcp"', "protocol: udp", "target: 53"])
        self.assertNotIn("name: everybodys", "\n".join(lines))
        self.assertIn("name: ext", block(lines, "networks", "ext"))
        self.assertEqual(self.made(ONE, mode="check"), [
            "network back has a subnet of its own: 10.99.0.0/24", "network fixed has a name: everybodys", "service db has a container_name: fixed_db",
            "service db takes port 8080 of the host", "service db takes port 9000 of the host",
            "service db takes port 81 of the host", "service db takes port 53 of the host",
            "volume shared has a name: everybodys"])

    def test_subnets_of_the_file(self):
        text = """
            services:
              db:
                image: t:1
                networks:
                  back:
                    aliases:
                      - x
                    ipv4_address: 10.99.0.5
                  both: {}
            networks:
              back:
                name: ciabcd1234w1_back
                ipam:
                  driver: default
                  config:
                    - subnet: 10.99.0.0/24
                      gateway: 10.99.0.1
                driver: bridge
              both:
                ipam:
                  config:
                    - subnet: 10.98.0.0/24
                    - subnet: fd00::/64
        """
        self.assertEqual(self.made(text, mode="check"), ["network back has a subnet of its own: 10.99.0.0/24"])
        self.assertEqual(self.made(text, mode="taken", used="10.98.0.0/24 10.213.0.0/16", pool="none"), [])
        for taken in "10.99.0.128/26", "10.96.0.0/12":
            self.assertEqual(self.made(text, mode="taken", used=taken), ["network back has a subnet of its own: 10.99.0.0/24"])
            self.assertEqual(self.made(text, mode="taken", used=taken, own="back=10.99.0.0/24"), [])
            self.assertEqual(self.made(text, mode="taken", used=taken, isolate="yes"), [])
        plain = self.made(text, pool="none")
        self.assertEqual([line for line in plain if "10." in line and "default" not in line],
                         [line[12:] for line in text.splitlines() if "10." in line])
        lines = self.made(text, isolate="yes", own="back=10.213.1.0/26")
        self.assertEqual(block(lines, "networks", "back"), [
            "ipam:", "  config:", '  - subnet: "10.213.1.0/26"', *LABELS, "driver: bridge"])
        self.assertEqual(block(lines, "networks", "both")[-4:], block(plain, "networks", "both")[-4:])
        self.assertEqual(block(lines, "services", "db", "networks"), ["back:", "  aliases:", "    - x", "both: {}"])
        self.assertNotIn("ipam:", block(self.made(text, isolate="yes", pool="none"), "networks", "back"))

    def test_images(self):
        self.assertEqual(self.made(ONE, mode="images"), [
            "db pull tiny:1 ", "web build ciplug-x-00ff_web /x/sub dir/Dockerfile.x"])
        self.assertEqual(self.made(ONE, mode="images", profiles="debug"), [
            "db pull tiny:1 ", "plain pull tiny:1 ", "web build ciplug-x-00ff_web /x/sub dir/Dockerfile.x"])
        self.assertEqual(self.made(ONE, mode="images", services="plain"), ["plain pull tiny:1 "])
        self.assertEqual(self.made(ONE, mode="images", services="web"), self.made(ONE, mode="images"))

    def test_images_of_what_is_needed(self):
        """All ways to need a service, over several steps and in a circle, in both shapes."""
        text = """
            services:
              a:
                depends_on:
                - b
                image: t:1
              b:
                image: t:1
                links:
                  - "c:other"
              c:
                depends_on:
                  d:
                    condition: service_started
                    required: true
                image: t:1
              d:
                image: t:1
                network_mode: service:e
              e:
                build:
                  context: /x
                depends_on:
                  a:
                    condition: service_started
                volumes_from:
                - f:ro
              f:
                image: t:1
              g:
                depends_on:
                - a
                image: t:1
            version: '2.4'
        """
        for awk in AWKS:
            for services, names in ("a", "abcdef"), ("d", "abcdef"), ("f", "f"), ("g f", "abcdefg"), ("nothing", ""):
                lines = rewrite(text, "images", awk, services=services)[0]
                self.assertEqual("".join(line[0] for line in lines), names, (awk, services))
            self.assertIn("e build ciplug-x-00ff_e /x/Dockerfile", rewrite(text, "images", awk, services="g")[0])

    def subnets(self, text, **variables):
        return re.findall(r'subnet: "([0-9./]+)"', "\n".join(self.made(text, **variables)))

    def test_subnets(self):
        one = self.subnets(ONE)
        self.assertEqual(len(one), 3)  # fixed, front, default
        self.assertEqual(len(set(one)), 3)
        for subnet in one:
            self.assertRegex(subnet, r"^10\.213\.\d+\.(0|64|128|192)/26$")
        self.assertEqual(self.subnets(ONE), one, "the same project takes the same")
        self.assertNotEqual(self.subnets(ONE, project="ciabcd1234w2"), one)
        self.assertFalse(set(self.subnets(ONE, **{"try": 1})) & set(one))
        self.assertFalse(set(self.subnets(ONE, used=" ".join(one))) & set(one))
        self.assertEqual(self.subnets(ONE, used=one[1], own=f"front={one[1]}")[1], one[1], "what it has stays")

    def test_forty_projects_at_the_same_moment(self):
        """None sees what the others take: few collide, and those find another place with the next try."""
        taken = [subnet for n in range(1, 41) for subnet in self.subnets(TWO, project=f"ciabcd1234w{n}")]
        self.assertEqual(len(taken), 80)
        self.assertGreaterEqual(len(set(taken)), 74)

    def test_a_pool_ends(self):
        self.assertEqual(sorted(self.subnets(TWO, pool="10.0.0.0/25")), ["10.0.0.0/26", "10.0.0.64/26"])
        _, status, errors = rewrite(TWO, pool="10.0.0.0/26")
        self.assertEqual(status, 1)
        self.assertIn("no subnet is free in compose.pool = 10.0.0.0/26", errors)
        _, status, errors = rewrite(TWO, used="10.0.0.0/8")
        self.assertEqual(status, 1)

    def test_old_versions_take_labels(self):
        text = "services:\n  db:\n    image: tiny:1\nversion: '%s'\n"
        for old in "1", "2", "2.0":
            self.assertIn("version: '2.4'", self.made(text % old))
        for new in "2.1", "3.0", "3.9":
            self.assertIn(f"version: '{new}'", self.made(text % new))


if __name__ == "__main__":
    main()
