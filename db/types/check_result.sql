-- One invariant and how often it is broken.
create type api.check_result as (
  name text,
  violations bigint,
  sample text,
  meaning text
);
comment on type api.check_result is
  'An invariant. violations: 0 when it holds. sample: up to five offenders'' ids.';
