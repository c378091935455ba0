begin;
select plan(20);

-- Only what this file makes: the database of the tests has pgTAP in a schema of its own.
create schema h5;
create view h5.named as
  select u.schema_name, u.object_name, u.kind, u.problem from hubspot_sync.unprotected() u
   where u.schema_name in ('h5', 'public');
create temp view named as select n.* from h5.named n where n.object_name !~ '^h5\.named|^named$';
select is_empty('table named', 'before anything is made nothing is named');

-- Tables -------------------------------------------------------------------------------------
create table h5.open ();
create table public.open ();
create table h5.closed ();
alter table h5.closed enable row level security;
create table h5.parted (n integer) partition by list (n);
create table h5.part partition of h5.parted default;
alter table h5.parted enable row level security;
create table h5.granted ();
grant select on h5.granted to anon;
grant insert on h5.granted to public, authenticated;
create temp table h5_temporary ();
select results_eq(
  'select schema_name, object_name, kind, problem from named',
  $$values ('h5', 'granted', 'table',
            'row level security is off, granted to anon, authenticated, everybody'),
           ('h5', 'open', 'table', 'row level security is off'),
           ('h5', 'part', 'table', 'row level security is off'),
           ('public', 'open', 'table', 'row level security is off')$$,
  'every table without row level security is named, with whom it is open to');
alter table h5.open enable row level security;
create policy for_all on h5.closed using (true);
select ok('open' not in (select object_name from named where schema_name = 'h5'),
          'the switch counts');
alter table h5.closed disable row level security;
select ok('closed' in (select object_name from named), 'and not the policy');
drop table h5.open, public.open, h5.closed, h5.parted, h5.granted;

-- Views --------------------------------------------------------------------------------------
create table h5.rows (n integer, secret text);
alter table h5.rows enable row level security;
create view h5.hidden as select * from h5.rows;
select is_empty('table named', 'a view nobody may read is not named');
create view h5.owners as select * from h5.rows;
create view h5.said as select * from h5.rows;
alter view h5.said set (security_invoker = false);
create view h5.callers with (security_invoker = true) as select * from h5.rows;
create view h5.callers_on with (security_invoker = on) as select * from h5.rows;
create view h5.callers_1 with (security_invoker = 1) as select * from h5.rows;
create view h5.callers_yes with (security_invoker = yes) as select * from h5.rows;
create view h5.callers_alone with (security_invoker) as select * from h5.rows;
create materialized view h5.kept as select * from h5.rows;
create materialized view h5.kept_hidden as select * from h5.rows;
grant select on h5.owners, h5.said, h5.callers, h5.callers_on, h5.callers_1, h5.callers_yes,
  h5.callers_alone, h5.kept to anon;
select is_empty(
  $$select object_name from named where object_name like 'callers%'$$,
  'a view with its caller''s rights is not named, however that is spelled');
select results_eq(
  $$select object_name, kind, problem from named where object_name not like 'callers%'$$,
  $$values ('kept', 'materialized view', 'has no row level security, granted to anon'),
           ('owners', 'view', 'runs with its owner''s rights, granted to anon'),
           ('said', 'view', 'runs with its owner''s rights, granted to anon')$$,
  'views with their owner''s rights and materialized ones that clients may read are named');
revoke select on h5.owners, h5.said, h5.callers_yes, h5.kept from anon;
grant update on h5.owners to public;
select results_eq('select object_name, problem from named',
                  $$values ('owners', 'runs with its owner''s rights, granted to everybody')$$,
                  'also one that may be written, by everybody');
revoke update on h5.owners from public;
grant select (secret) on h5.owners, h5.kept to authenticated;
select results_eq('select object_name from named', array['kept', 'owners'],
                  'one column that clients may read is enough');
revoke select (secret) on h5.owners, h5.kept from authenticated;
create role h5_readers;
alter role anon inherit;  -- Supabase's is not, another installation's may be
grant select on h5.owners to h5_readers;
grant h5_readers to anon;
select results_eq('select object_name from named', array['owners'],
                  'what a client may read as a member of another role is open to it');
revoke h5_readers from anon;
grant select on h5.owners to service_role;
select is_empty('table named', 'what the application alone may read is not named');

-- Foreign tables -----------------------------------------------------------------------------
create extension file_fdw with schema h5;
create server h5_files foreign data wrapper file_fdw;
create foreign table h5.far (line text) server h5_files options (filename '/dev/null');
select is_empty('table named', 'a foreign table nobody may read is not named');
grant select on h5.far to authenticated;
select results_eq(
  'select object_name, kind, problem from named',
  $$values ('far', 'foreign table',
            'a foreign table has no row level security, granted to authenticated')$$,
  'a foreign table that clients may read is named');
revoke select on h5.far from authenticated;

-- Functions ----------------------------------------------------------------------------------
create function h5.public_one(integer) returns integer language sql as 'select 1';
create function h5.anon_one() returns integer language sql as 'select 1';
revoke execute on function h5.anon_one() from public;
grant execute on function h5.anon_one() to anon;
create function h5.login_one() returns integer language sql as 'select 1';
revoke execute on function h5.login_one() from public;
grant execute on function h5.login_one() to authenticated;
create function h5.definer() returns integer language sql security definer as 'select 1';
revoke execute on function h5.definer() from public;
create function h5.definer_fixed() returns integer language sql security definer
  set search_path = '' as 'select 1';
revoke execute on function h5.definer_fixed() from public;
create procedure h5.procedure() language sql as 'select 1';
create function h5.triggers() returns trigger language plpgsql as 'begin return null; end';
create function h5.triggers_definer() returns trigger language plpgsql security definer
  as 'begin return null; end';
create aggregate h5.all_of(integer) (sfunc = int4pl, stype = integer);
select results_eq(
  'select object_name, kind, problem from named',
  $$values ('h5.all_of(integer)', 'function', 'may be run by everybody'),
           ('h5.anon_one()', 'function', 'may be run by anon'),
           ('h5.definer()', 'function',
              'runs with its owner''s rights and the caller''s search_path'),
           ('h5.procedure()', 'function', 'may be run by everybody'),
           ('h5.public_one(integer)', 'function', 'may be run by everybody'),
           ('h5.triggers_definer()', 'function',
            'runs with its owner''s rights and the caller''s search_path')$$,
  'functions everybody or anon may run are named, and definers without a search_path');
alter function h5.definer() set search_path to pg_catalog, pg_temp;
alter function h5.triggers_definer() set search_path to pg_catalog, pg_temp;
alter default privileges in schema h5 grant execute on functions to anon;
create function h5.by_default() returns integer language sql as 'select 1';
select results_eq(
  $$select problem from named where object_name = 'h5.by_default()'$$,
  array['may be run by anon, everybody'], 'what default privileges give is given');
grant h5_readers to anon;
create function h5.by_membership() returns integer language sql as 'select 1';
revoke execute on function h5.by_membership() from public, anon;
grant execute on function h5.by_membership() to h5_readers;
select results_eq(
  $$select object_name from named where object_name = 'h5.by_membership()'$$,
  array['h5.by_membership()'],
  'what anon may run as a member of another role is open to it');

-- Extensions ---------------------------------------------------------------------------------
create schema h5_ext;
create extension citext with schema h5_ext;
select is_empty($$select from hubspot_sync.unprotected() where schema_name = 'h5_ext'$$,
                'what an extension brings is not named');
create function h5_ext.ours() returns integer language sql as 'select 1';
select results_eq($$select object_name
    from hubspot_sync.unprotected() where schema_name = 'h5_ext'$$,
                  array['h5_ext.ours()'], 'what we put beside it is');
select is_empty(
  $$select from hubspot_sync.unprotected()
     where schema_name ~ '^pg_' or schema_name = 'information_schema'$$,
  'the system''s own schemas are left out');
create schema "Od'd; --";
create table "Od'd; --"."%I" ();
select results_eq(
  $$select schema_name, object_name from hubspot_sync.unprotected() where schema_name like 'Od%'$$,
  $$values ('Od''d; --', '%I')$$, 'any name is told as it is');

select * from finish();
rollback;
