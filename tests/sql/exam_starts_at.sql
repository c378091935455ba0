begin;
select plan(24);

select is(hubspot_sync.exam_starts_at('2030-02-01', s.typed),
          ('2030-02-01 ' || s.means || '+00')::timestamptz,
          format('a start time typed %L means %s', s.typed, s.means))
  from (values ('09:00', '09:00'), ('9:00', '09:00'), (' 9:30 ', '09:30'),
               ('09:00:15', '09:00:15'), ('23:59', '23:59'), ('00:00', '00:00'),
               ('9:00 AM', '09:00'), ('9:00am', '09:00'), ('9:00 pm', '21:00'),
               ('12:00 AM', '00:00'), ('12:30 PM', '12:30'),
               -- What nobody can read is midnight: such an exam closes early, not late.
               ('14:00 PM', '00:00'), ('0:30 AM', '00:00'), ('24:00', '00:00'),
               ('9:60', '00:00'), ('25:00', '00:00'), ('morning', '00:00'), ('9', '00:00'),
               ('', '00:00'), (null, '00:00'))
    as s (typed, means);
select is(hubspot_sync.exam_starts_at(null, '09:00'), null, 'an exam without a date never starts');

update hubspot_sync.settings set value = 'America/New_York' where key = 'time_zone';
select is(hubspot_sync.exam_starts_at('2030-02-01', '09:00'), '2030-02-01 14:00+00',
          'an exam starts in the business''s time zone');
select is(hubspot_sync.exam_starts_at('2030-07-01', '09:00'), '2030-07-01 13:00+00',
          'an exam''s start follows daylight saving');
set local timezone = 'Asia/Tokyo';
select is(hubspot_sync.exam_starts_at('2030-02-01', '09:00'), '2030-02-01 14:00+00',
          'the session''s time zone moves no exam');

select * from finish();
rollback;
