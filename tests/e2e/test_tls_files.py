#!/usr/bin/env python3
"""Certificates, keys and authorities that a configuration names: `check`, a start and a reload take the same ones for
good, and a bad one changes nothing."""

import json
import shutil
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

from rig import THALAMUS, Gateway, Upstream, free_port, routes_config

TLS = "tls: { certificate: FOLDER/cert.pem, key: FOLDER/cert.key%s }\n"


def certificate(folder, name):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                    "-keyout", folder / f"{name}.key", "-out", folder / f"{name}.pem", "-days", "2",
                    "-subj", "/CN=localhost"], check=True, capture_output=True)


class TlsFiles(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.upstream = Upstream()
        cls.made = Path(tempfile.mkdtemp(prefix="thalamus-e2e-pem-"))
        for name in ("cert", "other"):
            certificate(cls.made, name)

    @classmethod
    def tearDownClass(cls):
        cls.upstream.close()
        shutil.rmtree(cls.made)

    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="thalamus-e2e-"))
        for file in self.made.iterdir():
            shutil.copy(file, self.folder)
        self.gateway = None

    def tearDown(self):
        if self.gateway:
            self.gateway.close()
        shutil.rmtree(self.folder)

    def text(self, head, provider=""):
        text = routes_config(self.upstream.port, {"one": ["ok"]}).replace(
            "providers:\n", "providers:\n" + provider)
        return ("version: 1\nlisten: 127.0.0.1:0\nadmin: 127.0.0.1:0\n" + head + text).replace(
            "FOLDER", str(self.folder))

    def secure(self, more=""):
        """A provider behind TLS at a port where nobody answers."""
        return (f"  safe: {{ base_url: 'https://127.0.0.1:{free_port()}', ca_file: FOLDER/other.pem, "
                f"retries: {{ attempts_max: 1 }}{more} }}\n")

    def check(self, text):
        file = self.folder / "check.yaml"
        file.write_text(text)
        return subprocess.run([THALAMUS, "check", "--config", file], capture_output=True, text=True)

    def reload(self):
        status, _, data = self.gateway.request("POST", "/admin/reload", b"", admin=True)
        return status, json.loads(data)

    def spoil(self, name, how):
        """A bad file is there until the returned function is called."""
        path = self.folder / name
        before = path.read_bytes()
        if how is None:
            path.unlink()
        else:
            path.write_bytes(how if isinstance(how, bytes) else (self.folder / how).read_bytes())
        return lambda: path.write_bytes(before)

    def test_check_start_and_reload_refuse_the_same(self):
        text = self.text(TLS % ", client_ca: FOLDER/other.pem", self.secure())
        self.assertEqual(self.check(text).returncode, 0)
        self.gateway = Gateway(text)
        cases = [("cert.pem", None, "tls.certificate"), ("cert.pem", b"junk", "tls.certificate"),
                 ("cert.key", None, "tls.key"), ("cert.key", b"junk", "tls.key"),
                 ("cert.key", "other.key", "tls.key"), ("other.pem", b"junk", "tls.client_ca"),
                 ("other.pem", None, "providers.safe.ca_file"), ("other.pem", b"", "providers.safe.ca_file")]
        for name, how, field in cases:
            with self.subTest(name=name, how=how):
                mend = self.spoil(name, how)
                checked = self.check(text)
                self.assertEqual(checked.returncode, 2, checked.stdout)
                status, said = self.reload()
                mend()
                self.assertEqual(status, 400, said)
                self.assertEqual(said["error"]["type"], "invalid_request_error")
                for words in (checked.stderr, said["error"]["message"]):
                    self.assertRegex(words, r"\.yaml:\d+:\d+: ")
                    self.assertIn(field, words)
                    self.assertIn(str(self.folder / name), words)
        mend = self.spoil("other.pem", b"junk")
        broken = Gateway(text, wait=False)
        self.assertEqual(broken.process.wait(20), 2)
        self.assertIn("providers.safe.ca_file", broken.stderr())
        broken.close()
        mend()
        status, said = self.reload()
        self.assertEqual((status, said["generation"], said["changes"]), (200, 2, []), "nothing had changed")

    def await_line(self, words):
        """Lines of the log are written by a thread of its own."""
        until = time.monotonic() + 10
        while words not in self.gateway.stderr() and time.monotonic() < until:
            time.sleep(0.05)
        self.assertIn(words, self.gateway.stderr())

    def test_an_exchange_of_the_certificate_alone_is_told(self):
        self.gateway = Gateway(self.text(TLS % ""))
        certificate(self.folder, "cert")
        status, said = self.reload()
        self.assertEqual(status, 200, said)
        self.assertEqual([change.split(":")[0] for change in said["changes"]], ["+ tls.certificate", "+ tls.key"])
        self.await_line("2 lines changed")
        self.assertEqual(self.reload()[1]["changes"], [])

    def test_a_client_sees_no_path_of_an_authority_that_is_lost_later(self):
        text = self.text("", self.secure()).replace(
            "models:\n", "models:\n  - { name: t-safe, provider: safe, price: { input: 1, output: 1 } }\n")
        self.gateway = Gateway(text)
        (self.folder / "other.pem").write_text("junk")
        status, headers, data = self.gateway.chat("t-safe")
        self.assertEqual(status, 500, data)
        self.assertNotIn(str(self.folder), data.decode())
        self.assertIn(headers["x-request-id"], json.loads(data)["error"]["message"])
        self.await_line(f"request {headers['x-request-id']}: ")
        self.assertIn(str(self.folder / "other.pem"), self.gateway.stderr())


if __name__ == "__main__":
    unittest.main(verbosity=2)
