begin;
select plan(6);

insert into hubspot_sync.admin_users (email) values ('boss@example.com');
create table public.h5_open ();
create schema h5;
create table h5.open ();
select results_eq(
  $$select schema_name, object_name, kind, problem from api.find_unprotected()
     where object_name in ('open', 'h5_open')$$,
  $$values ('h5', 'open', 'table', 'row level security is off'),
           ('public', 'h5_open', 'table', 'row level security is off')$$,
  'unprotected tables of any schema are named');
select results_eq('select api.find_unprotected()', 'select hubspot_sync.unprotected()',
                  'it answers what hubspot_sync.unprotected finds');
select is_empty($$select from api.find_unprotected() where schema_name in ('api', 'hubspot_sync')$$,
                'nothing of ours is among it');
create temp table seen as select count(*) from api.find_unprotected();
grant select on seen to authenticated;
set local role authenticated;
select set_config('request.jwt.claims', '{"email":"boss@example.com"}', true);
select results_eq('select count(*) from api.find_unprotected()', 'table seen',
                  'an administrator sees all of it');
select set_config('request.jwt.claims', '{"email":"ann@example.com"}', true);
select throws_ok('select api.find_unprotected()', '42501', null, 'a student sees nothing');
set local role anon;
select throws_ok('select api.find_unprotected()', '42501', null, 'nor does anon');
reset role;

select * from finish();
rollback;
