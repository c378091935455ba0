begin;
select plan(22);

create or replace function hubspot_sync.clock()
  returns timestamptz language sql stable
  return '2030-01-01 12:00+00'::timestamptz + current_setting('test.later')::interval;
set local test.later = '0';
create function pg_temp.id(p_number integer) returns uuid language sql immutable as
  $$select ('00000000-0000-4000-8000-' || lpad(p_number::text, 12, '0'))::uuid$$;
create temp table runs (name text, run bigint);
create function pg_temp.run(p_name text) returns bigint language sql as
  'select run from runs where name = p_name';
create function pg_temp.ended(p_run bigint) returns text language sql as $$
  select format('taken %s, queued %s, sent %s, conflicts %s, drift %s', taken, queued, sent,
                conflicts, drift)
    from hubspot_sync.finish_reconciliation(p_run) where table_name = 'hubspot_mock_exams'
$$;
insert into hubspot_sync.hubspot_mock_exams (id, hubspot_id, capacity, updated_at,
                                             hubspot_last_sync_at)
select pg_temp.id(n), 'E-' || n, 3, '2030-01-01 11:00+00', '2030-01-01 11:00+00'
  from generate_series(1, 4) n;
insert into hubspot_sync.sync_shadow (record, table_name, properties)
select e.id, 'hubspot_mock_exams', hubspot_sync.exam_properties(e)
  from hubspot_sync.hubspot_mock_exams e;
do 'begin delete from hubspot_sync.sync_queue; end';

-- What HubSpot does not list ----------------------------------------------------------------
insert into runs select 'all', hubspot_sync.begin_reconciliation(true);
select hubspot_sync.compare_records(pg_temp.run('all'), 'hubspot_mock_exams', (
  select jsonb_agg(jsonb_build_object('id', e.hubspot_id, 'properties', '{}'::jsonb))
    from hubspot_sync.hubspot_mock_exams e where e.hubspot_id <> 'E-4'));
update hubspot_sync.hubspot_mock_exams set hubspot_id = 'E-new',
       hubspot_last_sync_at = '2030-01-01 12:00+00' where hubspot_id = 'E-3';
delete from hubspot_sync.reconciliation_seen where record = pg_temp.id(3);
select is(hubspot_sync.note_unlisted(pg_temp.run('all'), 'hubspot_mock_exams'), 1,
          'one that HubSpot does not list is missing there, unless it came since');
select row_eq('select hubspot_id, kind from hubspot_sync.webhook_inbox',
              row('E-4'::text, 'reconcile'::text), 'and is asked for: only reading decides');
select is(hubspot_sync.note_unlisted(pg_temp.run('all'), 'hubspot_mock_exams'), 1, 'once');
select is((select count(*) from hubspot_sync.webhook_inbox), 1::bigint, 'while that waits');
select is(hubspot_sync.note_unlisted(pg_temp.run('all'), 'hubspot_contact_credits'), 0,
          'a table without records lacks none');

-- What HubSpot lacks ------------------------------------------------------------------------
update hubspot_sync.sync_shadow set properties = properties || '{"location": "Leeds"}'
 where record in (pg_temp.id(1), pg_temp.id(2));
select row_eq($$select compared, queued from
  hubspot_sync.compare_outgoing(pg_temp.run('all'), 'hubspot_mock_exams', null, 10)$$, row(4, 2),
              'what HubSpot holds otherwise is queued');
select is(pg_temp.ended(pg_temp.run('all')), 'taken 0, queued 2, sent 0, conflicts 0, drift 3',
          'what nobody read and nobody sent is drift');
update hubspot_sync.sync_queue set synced = true where record = pg_temp.id(1);
update hubspot_sync.sync_queue set next_attempt_at = hubspot_sync.clock() + interval '1 min', epoch = 1
 where record = pg_temp.id(2);
update hubspot_sync.webhook_inbox set done_at = hubspot_sync.clock();
insert into hubspot_sync.sync_conflicts (entity, record, field, decision, created_at)
values ('hubspot_mock_exams', pg_temp.id(1), 'location', 'ours', hubspot_sync.clock()),
       ('hubspot_mock_exams', pg_temp.id(1), 'location', 'ours', '2030-01-01 11:59+00');
select is(pg_temp.ended(pg_temp.run('all')), 'taken 1, queued 2, sent 1, conflicts 1, drift 0',
          'what was read is taken, what was acknowledged sent, what a worker has on its way');
update hubspot_sync.sync_queue set dead_at = hubspot_sync.clock() where record = pg_temp.id(2);
update hubspot_sync.webhook_inbox set done_at = null, dead_at = hubspot_sync.clock();
select is(pg_temp.ended(pg_temp.run('all')), 'taken 0, queued 2, sent 1, conflicts 1, drift 2',
          'dead letters are drift');
select is((select count(*) from hubspot_sync.reconciliation_seen), 0::bigint,
          'what was met is forgotten in the end');
select throws_ok(format('select hubspot_sync.note_unlisted(%s, %L)', pg_temp.run('all'),
                        'hubspot_mock_exams'), '22023', null, 'and cannot be asked for then');

-- What changed since ------------------------------------------------------------------------
set local test.later = '1 hour';
insert into runs select 'hourly', hubspot_sync.begin_reconciliation(false);
update hubspot_sync.hubspot_mock_exams set updated_at = '2030-01-01 12:30+00', location = 'York'
 where id = pg_temp.id(1);
do 'begin delete from hubspot_sync.sync_queue; end';
select row_eq($$select compared, queued, last from
  hubspot_sync.compare_outgoing(pg_temp.run('hourly'), 'hubspot_mock_exams', null, 10)$$,
              row(1, 1, pg_temp.id(1)), 'what changed here since the last comparison began');
select row_eq($$select compared, queued, last from
  hubspot_sync.compare_outgoing(pg_temp.run('hourly'), 'hubspot_mock_exams', pg_temp.id(1), 10)$$,
              row(0, 0, null::uuid), 'and no more');
select throws_ok(format('select hubspot_sync.note_unlisted(%s, %L)', pg_temp.run('hourly'),
                        'hubspot_mock_exams'), '22023', null,
                 'one of what changed does not know what is missing there');
select throws_ok($$select * from hubspot_sync.compare_outgoing(-1, 'hubspot_mock_exams')$$,
                 '22023', null, 'a comparison must have begun');

-- The list ----------------------------------------------------------------------------------
select results_eq(
  $$select run, everything, took, checked, share_equal, missing_there
      from hubspot_sync.list_reconciliations() where table_name = 'hubspot_mock_exams'$$,
  format($$values (%s::bigint, false, null::interval, 0, null::numeric, 0),
                  (%s, true, '0'::interval, 3, 0.75, 1)$$, pg_temp.run('hourly'), pg_temp.run('all')),
  'the last comparisons are listed with the share that was equal');
select is((select count(*) from hubspot_sync.list_reconciliations(1)), 3::bigint,
          'a row a table');
select throws_ok('select hubspot_sync.list_reconciliations(0)', '22023', null, 'at least one');
set local test.later = '40 days';
select hubspot_sync.begin_reconciliation(true);
select is((select count(*) from hubspot_sync.list_reconciliations(100)), 3::bigint,
          'old ones are forgotten');
select is((select count(*) from hubspot_sync.reconciliation_findings), 0::bigint,
          'with what they found');

-- Saving calls ------------------------------------------------------------------------------
update hubspot_sync.settings set value = 'thrifty' where key = 'profile';
do 'begin delete from hubspot_sync.sync_queue; end';
insert into runs select 'thrifty', hubspot_sync.begin_reconciliation(false);
insert into runs select 'thrifty, all', hubspot_sync.begin_reconciliation(true);
select hubspot_sync.compare_outgoing(r.run, 'hubspot_mock_exams', null, 10)
  from runs r where r.name like 'thrifty%' order by r.name;
update hubspot_sync.reconciliations set queued = 1 where run >= pg_temp.run('thrifty');
insert into hubspot_sync.sync_queue (table_name, record, operation, created_at, next_attempt_at)
values ('hubspot_mock_exams', pg_temp.id(4), 'resend', hubspot_sync.clock(), hubspot_sync.clock());
select is(pg_temp.ended(pg_temp.run('thrifty')),
          'taken 0, queued 1, sent 0, conflicts 0, drift 0',
          'in profile thrifty what the next push sends is no drift');
select is(pg_temp.ended(pg_temp.run('thrifty, all')),
          'taken 0, queued 1, sent 0, conflicts 0, drift 1',
          'but after all was compared, and sent at once');

select * from finish();
rollback;
