-- Something in the database that clients could reach past the functions of api.
create type api.unprotected_object as (
  schema_name text,
  object_name text,
  kind text,
  problem text
);
comment on type api.unprotected_object is
  'kind: table, view, materialized view, foreign table or function. problem: what is open, and to '
  'whom.';
