-- What a task that runs again and again has done this time.
create type api.task_result as (
  changed integer,
  more boolean
);
comment on type api.task_result is
  'changed: records changed now. more: the limit was reached, call again.';
