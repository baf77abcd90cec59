"""TRL's SFTTrainer with the settings of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import PrinterCallback, TrainerCallback
from trl.trainer.sft_config import SFTConfig
from trl.trainer.sft_trainer import SFTTrainer

from tuneform_trainer.config import Run, Train
from tuneform_trainer.data.formats import Row
from tuneform_trainer.training.callbacks import Reporter
from tuneform_trainer.training.rows import IGNORED, LengthGroupedSampler, PadRight, encoded


class CompletionTrainer(SFTTrainer):
    """Counts tokens, and computes the loss at the trained positions only."""

    reporter: Reporter
    run: Run

    def _load_from_checkpoint(self, *args: Any, **kwargs: Any) -> None:
        super()._load_from_checkpoint(*args, **kwargs)
        assert isinstance(self.model, torch.nn.Module)
        _cast_trainable(self.model, self.run.train)

    def compute_loss(
        self,
        model: Any,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: Any = None,
    ) -> Any:
        """Mean negative log-likelihood of the trained tokens, the head applied at their positions only.

        TRL's own loss also computes entropy and accuracy over wide logits: 115 tokens/s against 209 here
        (docs/decisions/002).
        """
        decoder, head = _decoder_and_head(model)
        labels = inputs["labels"][:, 1:]
        trained = labels != IGNORED
        hidden = decoder(
            input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"], use_cache=False
        ).last_hidden_state[:, :-1]
        logits = head(hidden[trained]).float()
        cap = getattr(decoder.config, "final_logit_softcapping", None)
        if cap:  # Gemma 2
            logits = torch.tanh(logits / cap) * cap
        total = torch.nn.functional.cross_entropy(logits, labels[trained], reduction="sum")
        count = trained.sum() if num_items_in_batch is None else num_items_in_batch
        loss = total / torch.as_tensor(count).clamp(min=1)
        return (loss, {"logits": logits}) if return_outputs else loss

    def _get_train_sampler(self, train_dataset: Any = None) -> LengthGroupedSampler:
        rows: Any = train_dataset if train_dataset is not None else self.train_dataset
        lengths = [len(ids) for ids in rows["input_ids"]]
        batch = self.args.per_device_train_batch_size * self.args.gradient_accumulation_steps
        return LengthGroupedSampler(lengths, batch, self.args.seed)

    def training_step(self, model: Any, inputs: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        self.reporter.count(inputs)
        return super().training_step(model, inputs, *args, **kwargs)  # type: ignore[no-untyped-call]


def _cast_trainable(model: torch.nn.Module, train: Train) -> None:
    """Gives the adapter the type that the run asks for; the parameters stay the same objects.

    A setting of its own, since fp32 adapters on a bf16 base run four times slower on a CPU. To be done
    after everything that decides otherwise: TRL 1.9 makes every adapter on 4-bit weights bf16, PEFT
    makes one that it loads from a checkpoint fp32.
    """
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.to(getattr(torch, train.adapter_dtype))


def _decoder_and_head(model: Any) -> tuple[Any, Any]:
    """The layers and the output head of a PeftModel; its LoRA matrices are inside the layers."""
    causal = model.get_base_model()
    return causal.model, causal.get_output_embeddings()


def make_trainer(  # noqa: PLR0913, PLR0917 - one part each
    run: Run,
    model: Any,
    tokenizer: Any,
    rows: dict[str, list[Row]],
    checkpoints: Path,
    callbacks: list[TrainerCallback],
    reporter: Reporter,
) -> CompletionTrainer:
    """A trainer over prepared rows; writes its checkpoints into `checkpoints`."""
    train = encoded(rows["train"], tokenizer, run.train.max_length)
    validation = encoded(rows["validation"], tokenizer, run.train.max_length)
    trainer = CompletionTrainer(
        model=model,
        args=_arguments(run, checkpoints, validates=len(validation) > 0),
        train_dataset=train,
        eval_dataset=validation if len(validation) > 0 else None,
        processing_class=tokenizer,
        data_collator=PadRight(tokenizer.pad_token_id),
        callbacks=callbacks,
    )
    trainer.reporter, trainer.run = reporter, run
    _cast_trainable(model, run.train)
    trainer.remove_callback(PrinterCallback)  # our own lines tell the same
    return trainer


def _arguments(run: Run, checkpoints: Path, *, validates: bool) -> SFTConfig:
    t = run.train
    cuda = torch.cuda.is_available()
    # Mixed precision is for wide adapters on 16-bit weights; otherwise the weights' type is used.
    mixed = t.compute_dtype == "bfloat16" and t.adapter_dtype == "float32"
    return SFTConfig(
        output_dir=str(checkpoints),
        num_train_epochs=t.epochs,
        per_device_train_batch_size=t.micro_batch,
        per_device_eval_batch_size=t.micro_batch,
        gradient_accumulation_steps=t.gradient_accumulation,
        gradient_checkpointing=t.gradient_checkpointing,
        gradient_checkpointing_kwargs={"use_reentrant": False},
        learning_rate=t.learning_rate,
        lr_scheduler_type=t.scheduler,
        warmup_steps=t.warmup,
        weight_decay=t.weight_decay,
        max_grad_norm=t.max_grad_norm,
        optim="adamw_torch",
        max_length=None,  # rows are cut by `prepare`'s own rule
        packing=False,
        dataset_kwargs={"skip_prepare_dataset": True},
        bf16=mixed and cuda,
        fp16=False,
        use_cpu=not cuda,
        eval_strategy="epoch" if validates else "no",
        prediction_loss_only=True,
        save_strategy="steps",
        save_steps=t.checkpoint_every_steps,
        save_total_limit=None,  # CompleteCheckpoints removes old ones after new ones are whole
        logging_steps=1,
        logging_nan_inf_filter=False,
        report_to=t.report_to,
        run_name=f"{run.name}-{run.run_id}",
        seed=t.seed,
        data_seed=t.seed,
        dataloader_num_workers=0,
        dataloader_pin_memory=cuda,
        disable_tqdm=True,
        remove_unused_columns=False,
    )
