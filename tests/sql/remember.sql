begin;
select plan(9);

create or replace function hubspot_sync.clock()
  returns timestamptz language sql stable
  return now() + current_setting('test.later')::interval;
set local test.later = '0';
create temp view noted as
  select s.task, s.state, s.last_run_at from hubspot_sync.sync_status s
   where s.task like 'task %' order by 1;

select hubspot_sync.remember('task 1', '{"a": 1, "b": 2}');
select hubspot_sync.remember('task 2', '{"c": 3}');
select results_eq('table noted',
                  $$values ('task 1', '{"a": 1, "b": 2}'::jsonb, now()),
                           ('task 2', '{"c": 3}'::jsonb, now())$$,
                  'each task has its note');
set local test.later = '1 minute';
select hubspot_sync.remember('task 1', '{"a": 5}');
select row_eq($$select state, last_run_at from noted where task = 'task 1'$$,
              row('{"a": 5}'::jsonb, now() + interval '1 minute'),
              'a later note takes the place of the one before, with its time');
select is((select last_run_at from noted where task = 'task 2'), now(), 'the other stays');
select hubspot_sync.remember('task 1', null);
select is((select state from noted where task = 'task 1'), '{}'::jsonb, 'no note is an empty one');
select throws_ok(format('select hubspot_sync.remember(%L, %L)', n.task, n.state), '22023', null,
                 format('a note of the task %L is not %s', left(n.task, 20), n.state))
  from (values (null, '{}'), (' ', '{}'), (repeat('x', 201), '{}'), ('task 1', '[]'),
               ('task 1', '5')) as n (task, state);

select * from finish();
rollback;
