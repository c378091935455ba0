begin;
select plan(45);

create or replace function hubspot_sync.clock()
  returns timestamptz language sql stable
  return '2030-01-01 12:00+00'::timestamptz + current_setting('test.later')::interval;
set local test.later = '0';

insert into hubspot_sync.hubspot_mock_exams
  (hubspot_id, mock_type, exam_date, start_time, capacity, is_active)
values ('E-1', 'Mini-mock', '2030-02-01', '09:00', 9, 'true');
insert into hubspot_sync.hubspot_contact_credits (hubspot_id, student_id, email, sjmini_credits)
values ('C-1', 'S-1', 'ann@example.com', 3), ('C-2', 'S-2', 'bob@example.com', 3);
insert into hubspot_sync.hubspot_contact_credits (student_id, email, sjmini_credits)
values ('S-3', 'cat@example.com', 3);
create function pg_temp.grant_to(p_number integer, p_reason text) returns void language plpgsql as $$
begin
  perform api.grant_credits('S-' || p_number, c.email, 'cs_credits', 1, p_reason)
     from hubspot_sync.hubspot_contact_credits c where c.student_id = 'S-' || p_number;
end
$$;
create temp view noted as
  select c.student_id, n.*, regexp_count(n.body, '<li>') as lines
    from hubspot_sync.sync_notes n
    join hubspot_sync.hubspot_contact_credits c on c.id = n.contact;
create temp view pending as
  select coalesce(c.student_id, b.student_id, 'gone') as student_id, a.*
    from hubspot_sync.supabase_audit_log a
    left join hubspot_sync.hubspot_contact_credits c on c.id = a.record
    left join hubspot_sync.hubspot_bookings b on b.id = a.record
   where a.to_note;

-- One a contact ------------------------------------------------------------------------------
set local hubspot_sync.actor = 'eve@example.com';
do 'begin perform pg_temp.grant_to(1, ''first''); end';
set local test.later = '1 second';
do 'begin perform pg_temp.grant_to(2, ''<b>''); end';
set local test.later = '61 minutes';
do 'begin perform pg_temp.grant_to(1, ''second''); end';
update hubspot_sync.settings set value = 'Europe/Berlin' where key = 'time_zone';
select is(hubspot_sync.write_notes(), 2, 'each contact gets one note');
select results_eq('select student_id, lines from noted order by student_id',
                  $$values ('S-1', 2), ('S-2', 1)$$, 'that tells everything of it');
select is((select body from noted where student_id = 'S-1'),
          '<ul><li>2030-01-01 13:00: 1 Clinical Skills credit granted (now 1); by eve@example.com; '
          'reason: first</li>'
          '<li>2030-01-01 14:01: 1 Clinical Skills credit granted (now 2); by eve@example.com; '
          'reason: second</li></ul>'
          '<p>Times are Europe/Berlin. Ref. '
          || (select id from noted where student_id = 'S-1') || '</p>',
          'when, in the business''s time zone, what, by whom, why; and last the note''s own id');
select ok((select body from noted where student_id = 'S-2') like '%reason: &lt;b&gt;</li>%',
          'what people wrote is escaped');
select is((select noted_at from noted where student_id = 'S-1'), hubspot_sync.clock(),
          'a note is of the moment of the last thing it tells');
select results_eq(
  $$select array_agg(a.id order by a.id) from hubspot_sync.supabase_audit_log a
     where a.note = (select id from noted where student_id = 'S-1')$$,
  $$select entries from noted where student_id = 'S-1'$$, 'entries and note name each other');
select results_eq(
  $$select q.operation, q.lane, q.new_data from hubspot_sync.sync_queue q
     where q.table_name = 'sync_notes' order by q.id$$,
  $$values ('insert', 'bulk', null::jsonb), ('insert', 'bulk', null)$$, 'notes are in the outbox');
select results_eq(
  $$select n.student_id from hubspot_sync.sync_queue q join noted n on n.id = q.record
     order by q.id$$, array['S-2', 'S-1'], 'in the order of what they tell');
select is((select count(*) from pending where student_id <> 'S-3'), 0::bigint,
          'nothing of it is pending any more');
select is((select count(*) from hubspot_sync.supabase_audit_log where hubspot_sent_at is not null),
          0::bigint, 'nor sent yet');

-- Who is not in HubSpot yet ------------------------------------------------------------------
select is((select count(*) from pending where student_id = 'S-3'), 1::bigint,
          'what nobody there can be told of stays');
update hubspot_sync.hubspot_contact_credits set hubspot_id = 'C-3' where student_id = 'S-3';
set local test.later = '63 minutes';
select is(hubspot_sync.write_notes(), 1, 'until HubSpot has the contact');
select is((select lines from noted where student_id = 'S-3'), 1, 'then it is told');

-- When ---------------------------------------------------------------------------------------
do 'begin perform pg_temp.grant_to(1, ''third''); end';
set local test.later = '63 minutes 59 seconds';
select is(hubspot_sync.write_notes(), 0, 'within a minute no more notes are written');
select is(hubspot_sync.write_notes('urgent'), 0, 'nor for what is urgent');
select is(hubspot_sync.write_notes('bulk'), 1, 'but when everything is asked for');
do 'begin perform pg_temp.grant_to(1, ''fourth''); end';
set local test.later = '65 minutes';
select is(hubspot_sync.write_notes('urgent'), 0, 'what is urgent never brings notes');
update hubspot_sync.settings set value = 'thrifty' where key = 'profile';
select is(hubspot_sync.write_notes(), 0, 'a thrifty account gets none by itself');
select is(hubspot_sync.write_notes('bulk'), 1, 'but by the push');
update hubspot_sync.settings set value = 'fast' where key = 'profile';
do 'begin perform pg_temp.grant_to(1, ''fifth''); end';
set local test.later = '10 minutes';
select is(hubspot_sync.write_notes(), 1, 'a clock that was ahead holds up nothing');
update hubspot_sync.settings set value = '1 hour' where key = 'notes_every';
do 'begin perform pg_temp.grant_to(1, ''sixth''); end';
set local test.later = '69 minutes';
select is(hubspot_sync.write_notes(), 0, 'how often is a setting');
set local test.later = '70 minutes';
select is(hubspot_sync.write_notes(), 1, 'that counts from the last time');

-- A limit ------------------------------------------------------------------------------------
do 'begin perform pg_temp.grant_to(1, n::text) from generate_series(1, 5) n; end';
set local test.later = '3 hours';
select is(hubspot_sync.write_notes(p_limit => 3), 1, 'so many entries at a time');
select is((select count(*) from pending), 2::bigint, 'the rest stays');
select is(hubspot_sync.write_notes(p_limit => 3), 1, 'and is taken by the next call, at once');
select is((select count(*) from pending), 0::bigint, 'all of it');
select is(hubspot_sync.write_notes('bulk'), 0, 'without entries there is no note');

-- Length -------------------------------------------------------------------------------------
do $$begin
  perform pg_temp.grant_to(2, repeat('&', 490)) from generate_series(1, 30) n;
end$$;
select is(hubspot_sync.write_notes('bulk'), 3, 'what does not fit into one note goes into several');
select ok((select bool_and(length(body) <= 65536) from noted), 'none is too long for HubSpot');
select is((select sum(lines) from noted where student_id = 'S-2'), 31::bigint,
          'together they tell everything');
do $$begin
  perform set_config('hubspot_sync.reason', repeat('&', 100000), true);
  update hubspot_sync.hubspot_contact_credits set firstname = repeat('<', 100000),
         lastname = repeat('"', 100000) where student_id = 'S-2';
  perform set_config('hubspot_sync.reason', '', true);
end$$;
select is(hubspot_sync.write_notes('bulk'), 1, 'an entry beyond all measure is cut');
select ok((select bool_and(length(body) <= 65536) from noted), 'and fits');

-- Bookings -----------------------------------------------------------------------------------
select api.create_booking('E-1', 'S-1', 'ann@example.com');
select is(hubspot_sync.write_notes('bulk'), 1, 'a booking is told on its contact');
select is((select lines from noted where body like '% created;%'), 1,
          'once: the credit it spent is part of it');
select api.cancel_booking(b.booking_id, 'ill') from hubspot_sync.hubspot_bookings b;
delete from hubspot_sync.hubspot_bookings;
select is(hubspot_sync.write_notes('bulk'), 1, 'also one that is gone by now');
select is((select lines from noted where body like '% deleted;%'), 2,
          'with all that happened to it');
insert into hubspot_sync.hubspot_bookings
  (id, booking_id, mock_exam_id, student_id, student_email)
values ('00000000-0000-4000-8000-000000000001', 'BK-1', 'E-1', 'S-9', 'zoe@example.com');
select is(hubspot_sync.write_notes('bulk'), 0, 'a booking of nobody known waits');
select is((select count(*) from pending), 1::bigint, 'for its contact');
delete from hubspot_sync.hubspot_bookings;
select is(hubspot_sync.write_notes('bulk'), 0, 'one of nobody that is gone can be told to nobody');
select is((select count(*) from pending), 0::bigint, 'and is let go');

-- Off ----------------------------------------------------------------------------------------
update hubspot_sync.settings set value = 'off' where key = 'notes';
do 'begin perform pg_temp.grant_to(1, ''unseen''); end';
select is(hubspot_sync.write_notes('bulk'), 0, 'switched off, no note is written');
update hubspot_sync.settings set value = 'on' where key = 'notes';
select is(hubspot_sync.write_notes('bulk'), 0, 'nor later of what happened meanwhile');

-- Nonsense -----------------------------------------------------------------------------------
select throws_ok($$select hubspot_sync.write_notes('slow')$$, '22023', null,
                 'an unknown lane is refused');
select throws_ok('select hubspot_sync.write_notes(p_limit => 0)', '22023', null,
                 'and an impossible limit');
select is_empty('select * from api.verify() where violations > 0 and name = ''noted_once''',
                'what was told was told once');

select * from finish();
rollback;
